//! A program and its input, split at NUL: the program is refused at a place inside of it, or ends, twice the same.

use serde_json::Value;
use tagwarden::text::query::{MAX_OUTPUTS, Program, env_names, variables_in};

pub fn check(text: &str) {
    let (program, input) = text.split_once('\0').unwrap_or((text, "null"));
    let input: Value = serde_json::from_str(input).unwrap_or(Value::Null);
    let named = variables_in(program);
    if let Ok(names) = env_names(program) {
        assert_eq!(names, named);
    }
    match Program::compile(program, &["channel", "env"]) {
        Err(error) => assert!(program.get(error.offset..error.offset + error.length).is_some(), "{error:?}"),
        Ok(compiled) => {
            let variables = [Value::from("staging"), serde_json::json!({ "NAME": "value" })];
            let values = compiled.run(&input, &variables);
            assert_eq!(values, compiled.run(&input, &variables), "the same again");
            assert!(values.is_err() || values.is_ok_and(|values| values.len() <= MAX_OUTPUTS));
        }
    }
}
