//! The names that a value may refer to as `%(name)s`.

use std::{
    cell::Cell,
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    rc::Rc,
};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A number, which the numeric conversions take.
    Number(i64),
}

/// Why a name stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is not known here.
    Unknown,
    /// It is a variable whose value is no text.
    NotText,
}

/// Variables of supervisord and of `[supervisord] environment`, by their own names.
type Variables = BTreeMap<OsString, OsString>;

/// All names that are known at one place.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    variables: Rc<Variables>,
    /// supervisord's own, whatever the configuration sets.
    inherited: Rc<Variables>,
    local: BTreeMap<&'static str, Value>,
    /// Variables of the program itself.
    own: BTreeMap<String, String>,
    /// Those of earlier processes of the same program, which the original never forgets.
    earlier: BTreeMap<String, String>,
    /// How much text there may still be in the configuration.
    room: Rc<Cell<usize>>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            variables: Rc::default(),
            inherited: Rc::default(),
            local: BTreeMap::new(),
            own: BTreeMap::new(),
            earlier: BTreeMap::new(),
            room: Rc::new(Cell::new(MOST_TEXT)),
        }
    }
}

impl Names {
    /// `ENV_X` for every variable.
    pub(crate) fn of_environment<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        environment: &BTreeMap<K, V>,
    ) -> Self {
        let variables = environment
            .iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()))
            .collect();
        let variables: Rc<Variables> = Rc::new(variables);
        Self {
            inherited: Rc::clone(&variables),
            variables,
            ..Self::default()
        }
    }

    /// These names with the variables of `[supervisord] environment` over them.
    pub(crate) fn with_variables(&self, more: &BTreeMap<String, String>) -> Self {
        let mut variables = Variables::clone(&self.variables);
        for (name, value) in more {
            variables.insert(name.into(), value.into());
        }
        Self {
            variables: Rc::new(variables),
            ..self.clone()
        }
    }

    /// These names and one more.
    pub(crate) fn with(&self, name: &'static str, value: Value) -> Self {
        let mut names = self.clone();
        names.local.insert(name, value);
        names
    }

    /// Begins the next process of a program: its own variables are not known yet.
    pub(crate) fn next_process(&mut self, number: i64) {
        self.earlier.append(&mut self.own);
        self.local.insert("process_num", Value::Number(number));
    }

    /// Makes the variables of the process known.
    pub(crate) fn set_own(&mut self, own: &BTreeMap<String, String>) {
        self.own.clone_from(own);
    }

    /// The home directory of supervisord's account, as far as its environment says.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.inherited("HOME").map(Path::new)
    }

    /// A variable of supervisord's own environment.
    pub(crate) fn inherited(&self, name: &str) -> Option<&OsStr> {
        let value = self.inherited.get(OsStr::new(name));
        value.map(OsString::as_os_str)
    }

    /// Takes `length` bytes of the text that a configuration may become: a short file with many
    /// processes could otherwise grow without measure.
    pub(crate) fn take_room(&self, length: usize) -> Result<(), String> {
        match self.room.get().checked_sub(length) {
            Some(left) => {
                self.room.set(left);
                Ok(())
            }
            None => Err("expands, with all before it, to more than 64 MiB".to_owned()),
        }
    }

    /// What `name` stands for.
    pub(crate) fn lookup(&self, name: &str) -> Result<Value, Missing> {
        let Some(variable) = name.strip_prefix("ENV_") else {
            return self.local.get(name).cloned().ok_or(Missing::Unknown);
        };
        let text = |text: &String| Ok(Value::Text(text.clone()));
        if let Some(own) = self.own.get(variable) {
            return text(own);
        }
        if let Some(value) = self.variables.get(OsStr::from_bytes(variable.as_bytes())) {
            let value = value.to_str().ok_or(Missing::NotText)?;
            return Ok(Value::Text(value.to_owned()));
        }
        self.earlier
            .get(variable)
            .map_or(Err(Missing::Unknown), text)
    }
}

/// No configuration becomes more.
const MOST_TEXT: usize = 64 << 20;
