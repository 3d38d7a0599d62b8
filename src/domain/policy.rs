//! A person's further limits beyond the mandate schema: `policy.toml`.
//!
//! ```toml
//! allowed_categories = ["linear", "spot"]   # default: all            
//! allowed_symbols = ["BTCUSDT", "ETHUSDT"]  # default: every symbol the mandate leaves
//! max_price_deviation_percent = "5"         # a limit farther than this from the live price is refused
//! count_spot_holdings = false               # default true: coins held count as exposure
//! accepted_findings = ["key.transfer"]      # reds of `mandated doctor` that the daemon trades in spite of
//! ```
//! A file that says anything else refuses every order that adds: a limit that was meant and not understood is no
//! limit.

use rust_decimal::Decimal;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::finding::not_acceptable;
use super::money::parse_positive;
use super::symbol::{Category, Symbol};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("policy.toml is not understood: {0}; correct or remove it")]
pub struct PolicyError(pub String);

/// What `policy.toml` says; the default is the mandate alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub allowed_categories: Vec<Category>,
    /// `None`: every symbol.
    pub allowed_symbols: Option<Vec<String>>,
    /// Percent of the live price.
    pub max_price_deviation_percent: Option<Decimal>,
    pub count_spot_holdings: bool,
    /// Ids out of [`super::finding::ACCEPTABLE`].
    pub accepted_findings: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allowed_categories: vec![
                Category::Linear,
                Category::Inverse,
                Category::Spot,
                Category::Option,
            ],
            allowed_symbols: None,
            max_price_deviation_percent: None,
            count_spot_holdings: true,
            accepted_findings: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    allowed_categories: Option<Spanned<Vec<String>>>,
    allowed_symbols: Option<Vec<String>>,
    max_price_deviation_percent: Option<Spanned<String>>,
    count_spot_holdings: Option<bool>,
    accepted_findings: Option<Spanned<Vec<String>>>,
}

/// What is wrong, after the line where it is wrong and the key of it.
fn at(text: &str, offset: Option<usize>, what: &str) -> PolicyError {
    let Some(before) = offset.and_then(|offset| text.get(..offset)) else {
        return PolicyError(what.to_owned());
    };
    let number = before.matches('\n').count() + 1;
    // A list may go over several lines: its key stands on the last one that has any.
    let key = text
        .lines()
        .take(number)
        .filter_map(|line| line.split_once('='))
        .last();
    let key = key.map_or("", |(key, _)| key.trim());
    PolicyError(match key {
        "" => format!("line {number}: {what}"),
        key => format!("line {number}, `{key}`: {what}"),
    })
}

impl Policy {
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: PolicyFile = toml::from_str(text)
            .map_err(|error| at(text, error.span().map(|span| span.start), error.message()))?;
        let mut policy = Self::default();
        if let Some(words) = file.allowed_categories {
            let wrong =
                |error: super::symbol::SymbolError| at(text, Some(words.span().start), &error.to_string());
            policy.allowed_categories = words
                .get_ref()
                .iter()
                .map(|word| word.parse())
                .collect::<Result<_, _>>()
                .map_err(wrong)?;
        }
        if let Some(percent) = file.max_price_deviation_percent {
            let parsed = parse_positive(percent.get_ref());
            let percent = parsed.map_err(|error| at(text, Some(percent.span().start), &error.to_string()))?;
            policy.max_price_deviation_percent = Some(percent);
        }
        if let Some(accepted) = file.accepted_findings {
            if let Some(why) = accepted.get_ref().iter().find_map(|id| not_acceptable(id)) {
                return Err(at(text, Some(accepted.span().start), &why));
            }
            policy.accepted_findings = accepted.into_inner();
        }
        policy.allowed_symbols = file.allowed_symbols;
        policy.count_spot_holdings = file.count_spot_holdings.unwrap_or(true);
        Ok(policy)
    }

    #[must_use]
    pub fn allows_symbol(&self, symbol: &Symbol) -> bool {
        self.allowed_symbols
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|entry| symbol.is_named_by(entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_limit_is_an_error() {
        assert!(Policy::parse("max_ordr_usd = \"5\"").is_err());
        assert!(Policy::parse("max_price_deviation_percent = 5.0").is_err());
        assert!(Policy::parse("allowed_categories = [\"futures\"]").is_err());
    }

    #[test]
    fn an_error_names_the_line_and_the_key() {
        for (text, says) in [
            (
                "# mine\nmax_ordr_usd = 5",
                "line 2, `max_ordr_usd`: unknown field",
            ),
            (
                "\n\nmax_price_deviation_percent = 5.0",
                "line 3, `max_price_deviation_percent`: invalid type",
            ),
            (
                "max_price_deviation_percent = \"-5\"",
                "line 1, `max_price_deviation_percent`: ",
            ),
            (
                "count_spot_holdings = true\nallowed_categories = [\"futures\"]",
                "line 2, `allowed_categories`: ",
            ),
            (
                "allowed_symbols = [\n \"A\",\n 1]",
                "line 3, `allowed_symbols`: invalid type",
            ),
            (
                "accepted_findings = [\"halt.tripped\"]",
                "line 1, `accepted_findings`: `halt.tripped` cannot",
            ),
        ] {
            let PolicyError(why) = Policy::parse(text).unwrap_err();
            assert!(why.starts_with(says), "{why}");
        }
    }

    #[test]
    fn findings_are_accepted_by_known_ids_alone() {
        let policy = Policy::parse("accepted_findings = [\"key.transfer\"]").unwrap();
        assert_eq!(policy.accepted_findings, ["key.transfer"]);
        assert!(Policy::parse("accepted_findings = [\"key.transfers\"]").is_err());
        assert!(Policy::parse("accepted_findings = [\"halt.tripped\"]").is_err());
        assert!(Policy::parse("accepted_findings = \"key.transfer\"").is_err());
    }

    #[test]
    fn an_empty_policy_adds_nothing() {
        assert_eq!(Policy::parse(""), Ok(Policy::default()));
    }

    #[test]
    fn symbols_are_matched_in_every_spelling() {
        let policy = Policy::parse("allowed_symbols = [\"btc-usdt\"]").unwrap();
        assert!(policy.allows_symbol(&Symbol::parse("BTCUSDT").unwrap()));
        assert!(!policy.allows_symbol(&Symbol::parse("ETHUSDT").unwrap()));
    }
}
