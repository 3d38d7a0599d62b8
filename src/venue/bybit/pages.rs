//! Lists over all their pages: complete, or an error; for exits what can be read of them.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::http::Http;
use super::limits::Rank;
use super::parse::{Document, Row, Rows};
use super::reply::Envelope;
use super::{market, query};
use crate::domain::json::Json;
use crate::domain::symbol::Category;
use crate::venue::{Parts, Unread, VenueError};

/// No account has more; a server that goes on for ever must not hold an order up for ever.
const MAX_PAGES: usize = 200;

/// An exit does not wait longer for one page, nor for one part: the other parts wait meanwhile.
const PAGE_WITHIN: Duration = Duration::from_secs(6);
const PART_WITHIN: Duration = Duration::from_secs(18);

/// A signed list: its path, its filters and how many rows a page may hold.
#[derive(Debug)]
pub(super) struct List {
    pub(super) path: &'static str,
    pub(super) category: Category,
    pub(super) filters: Vec<(&'static str, String)>,
    pub(super) page_size: u16,
}

impl Http {
    /// Every row of the list. `parse` may leave rows out by giving nothing.
    pub(super) async fn every_row<T>(
        &self,
        list: List,
        parse: impl Fn(&Row<'_>, Category) -> Result<Option<T>, VenueError>,
    ) -> Result<Vec<T>, VenueError> {
        let mut found = Vec::new();
        let mut walk = Walk::over(list);
        loop {
            let List { path, category, .. } = walk.list;
            let envelope = self.get(path, &walk.query()?, true).await?;
            let cursor = read_page(&envelope, path, category, &parse, &mut found)?;
            if !walk.goes_on(cursor)? {
                return Ok(found);
            }
        }
    }

    /// The rows that can be read: those before a page that cannot, and those beside a row that cannot.
    pub(super) async fn readable_rows<T>(
        &self,
        list: List,
        parse: impl Fn(&Row<'_>, Category) -> Result<Option<T>, VenueError>,
    ) -> Parts<T> {
        let category = list.category;
        let mut rows = Vec::new();
        let mut unreadable = Vec::new();
        let reading = self.read_on(Walk::over(list), &parse, &mut rows, &mut unreadable);
        let ended = reading.await;
        let more = unreadable.len().saturating_sub(1);
        let first = unreadable.into_iter().next().map(|error| match (error, more) {
            (VenueError::Unreadable(why), 1..) => {
                VenueError::Unreadable(format!("{why}, and {more} rows more"))
            }
            (error, _) => error,
        });
        let unread = ended.err().into_iter().chain(first);
        let unread = unread.map(|why| Unread {
            category: Some(category),
            why,
        });
        Parts {
            rows,
            unread: unread.collect(),
        }
    }

    async fn read_on<T>(
        &self,
        mut walk: Walk,
        parse: &impl Fn(&Row<'_>, Category) -> Result<Option<T>, VenueError>,
        found: &mut Vec<T>,
        unreadable: &mut Vec<VenueError>,
    ) -> Result<(), VenueError> {
        let until = Instant::now() + PART_WITHIN;
        loop {
            let List { path, category, .. } = walk.list;
            let query = walk.query()?;
            let left = until.saturating_duration_since(Instant::now());
            let asked = timeout(left.min(PAGE_WITHIN), self.get_as(Rank::Exit, path, &query, true));
            let envelope = asked
                .await
                .map_err(|_| VenueError::Unreachable(format!("{path}: no answer in time")))??;
            let lenient = |row: &Row<'_>, category| {
                Ok(Some(
                    parse(row, category).map_err(|error| redacted(&envelope, error)),
                ))
            };
            let mut page = Vec::new();
            let cursor = read_page(&envelope, path, category, lenient, &mut page)?;
            for row in page {
                match row {
                    Ok(row) => found.extend(row),
                    Err(error) => unreadable.push(error),
                }
            }
            if !walk.goes_on(cursor)? {
                return Ok(());
            }
        }
    }
}

fn redacted(envelope: &Envelope, error: VenueError) -> VenueError {
    match error {
        VenueError::Unreadable(message) => VenueError::Unreadable(envelope.redact(&message)),
        other => other,
    }
}

/// From page to page of one list.
///
/// Ends at an empty, null or missing `nextPageCursor` (facts §7, 8). A cursor that comes back a second time
/// would end the list early or never, so it is an error.
struct Walk {
    list: List,
    cursor: String,
    seen: HashSet<String>,
}

impl Walk {
    fn over(list: List) -> Self {
        Self {
            list,
            cursor: String::new(),
            seen: HashSet::new(),
        }
    }

    fn query(&self) -> Result<String, VenueError> {
        let mut pairs = vec![("category", self.list.category.as_str().to_owned())];
        pairs.extend(self.list.filters.iter().cloned());
        pairs.push(("limit", self.list.page_size.to_string()));
        pairs.push(("cursor", self.cursor.clone()));
        query::encode(&pairs)
    }

    /// Whether there is a page behind the one that gave this cursor.
    fn goes_on(&mut self, cursor: String) -> Result<bool, VenueError> {
        let path = self.list.path;
        if cursor.is_empty() {
            return Ok(false);
        }
        if !self.seen.insert(cursor.clone()) {
            let problem = "the same page came twice, so the list cannot be read in full";
            return Err(VenueError::Unreadable(format!("{path}: {problem}")));
        }
        if self.seen.len() >= MAX_PAGES {
            return Err(VenueError::Unreadable(format!(
                "{path}: more than {MAX_PAGES} pages"
            )));
        }
        self.cursor = cursor;
        Ok(true)
    }
}

/// Adds the rows of one page to `found` and gives the cursor of the next, empty at the end.
pub(super) fn read_page<T>(
    envelope: &Envelope,
    path: &'static str,
    category: Category,
    parse: impl Fn(&Row<'_>, Category) -> Result<Option<T>, VenueError>,
    found: &mut Vec<T>,
) -> Result<String, VenueError> {
    Document::of(envelope, path)?.read(|result| {
        market::check_category(result, path, category)?;
        for row in result.rows(path, "list")? {
            found.extend(parse(&row, category)?);
        }
        next_cursor(result, path)
    })
}

fn next_cursor(result: &Json<'_>, what: &'static str) -> Result<String, VenueError> {
    let cursor = result.row(what)?.optional_text("nextPageCursor")?;
    Ok(cursor.unwrap_or_default().to_owned())
}
