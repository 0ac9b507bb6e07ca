//! A section being understood: every value is looked at and every mistake is kept.

use std::cell::RefCell;

use super::{Refused, ini::Section, names::Names};

/// A section and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    pub(crate) section: &'a Section,
    mistakes: RefCell<Vec<Refused>>,
    remarks: RefCell<Vec<String>>,
}

impl<'a> Form<'a> {
    pub(crate) fn new(section: &'a Section) -> Self {
        Self {
            section,
            mistakes: RefCell::default(),
            remarks: RefCell::default(),
        }
    }

    /// The expanded value. `None` also for one that cannot be expanded, which is noted.
    pub(crate) fn text(&self, key: &str, names: &Names) -> Option<String> {
        match self.section.text(key, names) {
            Ok(text) => text,
            Err(refused) => {
                self.note(refused);
                None
            }
        }
    }

    /// The expanded value, which must be there.
    pub(crate) fn required(&self, key: &str, names: &Names) -> Option<String> {
        if self.section.raw(key).is_none() {
            self.refuse_section(&format!("has no \"{key}\" line"));
        }
        self.text(key, names)
    }

    /// The value as `parse` understands it, or `default` where there is none.
    pub(crate) fn value<T>(
        &self,
        key: &str,
        names: &Names,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        self.optional(key, names, parse).unwrap_or(default)
    }

    /// The value as `parse` understands it, if there is one.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        names: &Names,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&self.text(key, names)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(key, &reason);
                None
            }
        }
    }

    /// Notes that the value of `key` is wrong.
    pub(crate) fn refuse(&self, key: &str, reason: &str) {
        self.note(self.section.refused(key, reason));
    }

    /// Notes that the section as a whole is wrong.
    pub(crate) fn refuse_section(&self, reason: &str) {
        self.note(Refused {
            place: self.section.place.clone(),
            text: reason.to_owned(),
        });
    }

    /// Notes something odd that is no mistake.
    pub(crate) fn remark(&self, text: String) {
        let mut remarks = self.remarks.borrow_mut();
        if !remarks.contains(&text) {
            remarks.push(text);
        }
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.mistakes.borrow().is_empty()
    }

    /// What was found odd.
    pub(crate) fn take_remarks(&self) -> Vec<String> {
        self.remarks.take()
    }

    /// `value`, unless something is wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Vec<Refused>> {
        match self.mistakes.into_inner() {
            mistakes if mistakes.is_empty() => Ok(value),
            mistakes => Err(mistakes),
        }
    }

    /// Notes a mistake.
    pub(crate) fn note(&self, refused: Refused) {
        let mut mistakes = self.mistakes.borrow_mut();
        if !mistakes.contains(&refused) {
            mistakes.push(refused);
        }
    }
}
