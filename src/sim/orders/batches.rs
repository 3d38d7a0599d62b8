//! Batches: up to twenty orders in one request, each with an outcome of its own.

use serde_json::{Value, json};

use super::changes;
use super::create;
use crate::sim::call::{Answer, Answered, Call, Params, Refusal};
use crate::sim::instruments::Category;

/// The rows of one request: on spot, and elsewhere.
const SPOT_ROWS_MOST: usize = 10;
const ROWS_MOST: usize = 20;

pub(crate) fn create(call: &Call<'_>) -> Result<Answered, Refusal> {
    each(call, true, create::create)
}

pub(crate) fn amend(call: &Call<'_>) -> Result<Answered, Refusal> {
    each(call, false, |row| {
        if changes::is_conditional(row)? {
            return Err(Refusal::params("a batch cannot amend conditional orders"));
        }
        changes::amend(row)
    })
}

pub(crate) fn cancel(call: &Call<'_>) -> Result<Answered, Refusal> {
    each(call, false, changes::cancel)
}

/// Runs each row as an attempt of its own: a refused one undoes nothing but itself.
fn each(call: &Call<'_>, dated: bool, run: impl Fn(&Call<'_>) -> Answer) -> Result<Answered, Refusal> {
    let category = call.params.category()?;
    let rows = call.params.rows();
    let most = match category {
        Category::Spot => SPOT_ROWS_MOST,
        _ => ROWS_MOST,
    };
    if rows.is_empty() || rows.len() > most {
        return Err(Refusal::params(format!("request must hold 1 to {most} orders")));
    }
    let (mut list, mut outcomes) = (Vec::new(), Vec::new());
    for (at, params) in rows.into_iter().enumerate() {
        let row = Call {
            desk: call.desk,
            params,
            effects: call.effects.clone(),
            key: call.key.clone(),
            rsa_public_key: call.rsa_public_key,
        };
        let answer = call.desk.books.attempt(|| {
            call.effects.refuse_row(at)?;
            run(&row)
        });
        let (code, msg) = match &answer {
            Ok(_) => (0, "OK"),
            Err(refusal) => (refusal.code, refusal.message.as_str()),
        };
        outcomes.push(json!({"code": code, "msg": msg}));
        let when = dated.then_some(call.desk.now);
        list.push(shown(category, &row.params, answer.ok().as_ref(), when));
    }
    Ok(Answered::Rows {
        result: json!({"list": list}),
        outcome: json!({"list": outcomes}),
    })
}

/// A row of the answer; a refused one has no order id.
fn shown(category: Category, params: &Params, ids: Option<&Value>, created: Option<i64>) -> Value {
    let given = params.get("orderLinkId").unwrap_or_default();
    let id = |name: &str| ids.and_then(|ids| ids.get(name)).and_then(Value::as_str);
    let mut row = json!({
        "category": category.word(), "symbol": params.get("symbol").unwrap_or_default(),
        "orderId": id("orderId").unwrap_or_default(), "orderLinkId": id("orderLinkId").unwrap_or(given),
    });
    if let (Some(time), Value::Object(fields)) = (created, &mut row) {
        let time = ids.map(|_| time.to_string()).unwrap_or_default();
        fields.insert("createAt".to_owned(), time.into());
    }
    row
}
