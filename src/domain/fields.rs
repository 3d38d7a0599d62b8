//! Reads the members of one JSON object strictly: every member is known, every value has its kind.
//!
//! `null` means absent. Amounts may be strings or numbers and keep every digit.

use thiserror::Error;

use super::json::Json;
use super::money::{Price, Qty, parse_decimal};

/// Why arguments do not say what they should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FieldError {
    #[error("the arguments are {0}, not an object")]
    NotAnObject(&'static str),
    #[error("unknown argument{} {}; known are: {known}", if .names.len() == 1 { "" } else { "s" }, .names.join(", "))]
    Unknown { names: Vec<String>, known: String },
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{name}` must be {wanted}, not {found}")]
    WrongKind {
        name: &'static str,
        wanted: &'static str,
        found: String,
    },
    #[error("`{name}`: {why}")]
    Invalid { name: &'static str, why: String },
    #[error("`{name}` is `{found}`; use one of: {allowed}")]
    NotAChoice {
        name: &'static str,
        found: String,
        allowed: String,
    },
}

/// The arguments of one call.
#[derive(Debug)]
pub struct Fields<'j, 'a> {
    json: &'j Json<'a>,
}

impl<'j, 'a> Fields<'j, 'a> {
    /// Takes an object whose members are all in `known`; anything else is named in the error.
    pub fn new(json: &'j Json<'a>, known: &[&str]) -> Result<Self, FieldError> {
        let members = json.as_object().ok_or(FieldError::NotAnObject(json.kind()))?;
        let names: Vec<String> = members
            .iter()
            .map(|(name, _)| name.as_ref())
            .filter(|name| !known.contains(name))
            .map(|name| format!("`{}`", name.chars().take(60).collect::<String>()))
            .collect();
        if names.is_empty() {
            return Ok(Self { json });
        }
        Err(FieldError::Unknown {
            names,
            known: known.join(", "),
        })
    }

    /// The member, unless it is absent or null.
    #[must_use]
    pub fn get(&self, name: &'static str) -> Option<&'j Json<'a>> {
        self.json.member(name).filter(|value| **value != Json::Null)
    }

    pub fn text(&self, name: &'static str) -> Result<Option<&'j str>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_kind(name, "a string", other)),
        }
    }

    pub fn required_text(&self, name: &'static str) -> Result<&'j str, FieldError> {
        self.text(name)?.ok_or(FieldError::Missing(name))
    }

    /// A string or a number, as written.
    pub fn amount(&self, name: &'static str) -> Result<Option<&'j str>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_text()
                .map(Some)
                .ok_or_else(|| wrong_kind(name, "a number or a string that holds one", value)),
        }
    }

    pub fn price(&self, name: &'static str) -> Result<Option<Price>, FieldError> {
        self.amount(name)?
            .map(|text| Price::parse(text).map_err(|error| invalid(name, error)))
            .transpose()
    }

    pub fn qty(&self, name: &'static str) -> Result<Option<Qty>, FieldError> {
        self.amount(name)?
            .map(|text| Qty::parse(text).map_err(|error| invalid(name, error)))
            .transpose()
    }

    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(wrong_kind(name, "true or false", other)),
        }
    }

    /// A whole number that is not negative.
    pub fn whole(&self, name: &'static str) -> Result<Option<u64>, FieldError> {
        let Some(text) = self.amount(name)? else {
            return Ok(None);
        };
        let value = parse_decimal(text)
            .map_err(|error| invalid(name, error))?
            .normalize();
        match u64::try_from(value) {
            Ok(number) if value.scale() == 0 => Ok(Some(number)),
            _ => Err(invalid(
                name,
                format!("`{value}` is not a whole number from zero up"),
            )),
        }
    }

    /// One of a closed list of words.
    pub fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(FieldError::NotAChoice {
                name,
                found: text.chars().take(40).collect(),
                allowed: choices
                    .iter()
                    .map(|(word, _)| *word)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }
}

fn wrong_kind(name: &'static str, wanted: &'static str, found: &Json<'_>) -> FieldError {
    FieldError::WrongKind {
        name,
        wanted,
        found: found.kind().to_owned(),
    }
}

/// An error about a value of the right kind.
pub fn invalid(name: &'static str, why: impl ToString) -> FieldError {
    FieldError::Invalid {
        name,
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unknown_argument_is_named() {
        let json = Json::parse(r#"{"qty":1,"stopp_loss":2,"x":3}"#).unwrap();
        let error = Fields::new(&json, &["qty", "stop_loss"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown arguments `stopp_loss`, `x`; known are: qty, stop_loss"
        );
    }

    #[test]
    fn null_is_absent_and_numbers_keep_their_digits() {
        let json = Json::parse(r#"{"a":null,"b":0.10000000000000000001}"#).unwrap();
        let fields = Fields::new(&json, &["a", "b"]).unwrap();
        assert_eq!(fields.amount("a"), Ok(None));
        assert_eq!(
            fields.price("b").unwrap().unwrap().to_string(),
            "0.10000000000000000001"
        );
    }

    #[test]
    fn whole_numbers_are_whole() {
        let json = Json::parse(r#"{"a":1.0,"b":"7","c":1.5,"d":-1,"e":true}"#).unwrap();
        let fields = Fields::new(&json, &["a", "b", "c", "d", "e"]).unwrap();
        assert_eq!(fields.whole("a"), Ok(Some(1)));
        assert_eq!(fields.whole("b"), Ok(Some(7)));
        assert!(fields.whole("c").is_err() && fields.whole("d").is_err() && fields.whole("e").is_err());
    }
}
