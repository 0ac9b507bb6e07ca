//! XML-RPC of the original and ours, side by side, through the stock client.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod oracle;

use std::thread::{self, ScopedJoinHandle};

use oracle::{Which, allowed::Allowed, client::Client, server::Server};
use serde_json::Value;

#[path = "differential/scenarios.rs"]
mod scenarios;
use scenarios::{SCENARIOS, Scenario};

#[test]
fn every_call_has_the_same_answer() {
    let allowed = Allowed::of("rpc");
    // The original takes a second for many a thing, so they all wait side by side.
    let answers: Vec<_> = thread::scope(|scope| {
        let both = |scenario| {
            let begin = |which| scope.spawn(move || answers(which, scenario));
            (begin(Which::Original), begin(Which::Ours))
        };
        let begun: Vec<_> = SCENARIOS.iter().map(both).collect();
        let ended = |(theirs, ours): (ScopedJoinHandle<'_, _>, ScopedJoinHandle<'_, _>)| {
            let end = |handle: ScopedJoinHandle<'_, Vec<Value>>| handle.join().expect("answers");
            (end(theirs), end(ours))
        };
        begun.into_iter().map(ended).collect()
    });
    for (scenario, (theirs, ours)) in SCENARIOS.iter().zip(answers) {
        let steps = scenario.steps();
        for (number, ((step, theirs), ours)) in steps.iter().zip(&theirs).zip(&ours).enumerate() {
            let case = format!("{} {number}: {step}", scenario.name);
            allowed.compare(&case, theirs, ours);
        }
    }
    allowed.finish();
}

/// What one of the two says to the steps of a scenario.
fn answers(which: Which, scenario: &Scenario) -> Vec<Value> {
    let server = Server::start(which, &scenario.setup);
    let mut client = Client::of(&server);
    let answer = |step: &String| {
        if let Some((name, text)) = step
            .strip_prefix("!write ")
            .and_then(|rest| rest.split_once(' '))
        {
            server.write(name, text);
            return Value::Null;
        }
        client.begin(step.trim_start_matches(['~', '%']));
        let mut value = client.finish();
        mask(&mut value, "", &server.dir());
        match step.chars().next() {
            Some('~') => shape(&value),
            Some('%') => sorted(value),
            _ => value,
        }
    };
    scenario.steps().iter().map(answer).collect()
}

/// Replaces what is different in every run, by the name of the field.
fn mask(value: &mut Value, name: &str, dir: &str) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, name, dir)),
        Value::Object(members) => {
            for (name, value) in members {
                mask(value, name, dir);
            }
        }
        Value::Number(number) => {
            let differs = matches!(name, "now" | "start" | "stop" | "pid");
            if differs && number.as_i64() != Some(0) {
                *value = "N".into();
            }
        }
        Value::String(text) => {
            *text = text.replace(dir, "DIR");
            match name {
                "description" => *text = masked_description(text),
                "logfile" | "stdout_logfile" | "stderr_logfile" => *text = masked_log(text),
                _ => {}
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Pids, durations and times of day.
fn masked_description(text: &str) -> String {
    let is_time = |word: &str| word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit());
    let word = |word: &str| match word.trim_end_matches(',') {
        number if number.parse::<u32>().is_ok() => "N".to_owned(),
        time if is_time(time) => "T".to_owned(),
        "AM" | "PM" => "M".to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The random part of an automatic name.
fn masked_log(text: &str) -> String {
    match (text.contains("---"), text.rsplit_once('-')) {
        (true, Some((start, _))) => format!("{start}-RANDOM.log"),
        _ => text.to_owned(),
    }
}

/// Results of several programs, which end when they will, in one order.
fn sorted(mut value: Value) -> Value {
    if let Value::Array(values) = &mut value {
        if values.iter().all(|value| value.get("status").is_some()) {
            values.sort_by_key(Value::to_string);
        }
        for value in values {
            *value = sorted(value.take());
        }
    }
    value
}

/// Only the types of a value.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| (name.clone(), shape(value)))
                .collect()
        }
    }
}
