//! Lists over all their pages: complete, or an error.

use std::collections::HashSet;

use super::http::Http;
use super::parse::{Document, Row, Rows};
use super::reply::Envelope;
use super::{market, query};
use crate::domain::json::Json;
use crate::domain::symbol::Category;
use crate::venue::VenueError;

/// No account has more; a server that goes on for ever must not hold an order up for ever.
const MAX_PAGES: usize = 200;

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
    ///
    /// Ends at an empty, null or missing `nextPageCursor` (facts §7, 8). A cursor that comes back a second time
    /// would end the list early or never, so it is an error.
    pub(super) async fn every_row<T>(
        &self,
        list: List,
        parse: impl Fn(&Row<'_>, Category) -> Result<Option<T>, VenueError>,
    ) -> Result<Vec<T>, VenueError> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut cursor = String::new();
        for _ in 0..MAX_PAGES {
            let mut pairs = vec![("category", list.category.as_str().to_owned())];
            pairs.extend(list.filters.iter().cloned());
            pairs.push(("limit", list.page_size.to_string()));
            pairs.push(("cursor", cursor));
            let envelope = self.get(list.path, &query::encode(&pairs)?, true).await?;
            cursor = read_page(&envelope, list.path, list.category, &parse, &mut found)?;
            if cursor.is_empty() {
                return Ok(found);
            }
            if !seen.insert(cursor.clone()) {
                let problem = "the same page came twice, so the list cannot be read in full";
                return Err(VenueError::Unreadable(format!("{}: {problem}", list.path)));
            }
        }
        Err(VenueError::Unreadable(format!(
            "{}: more than {MAX_PAGES} pages",
            list.path
        )))
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
