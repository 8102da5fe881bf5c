//! GraphQL, as far as an exchange is checked: a document is read, held to the types in `tests/contract/github/graphql.json`, and
//! an answer is walked along what was selected. `tests/full` has graphql-js judge the same documents by the whole public schema.
//!
//! Deliberately absent: subscriptions, custom directives, merging of fields that two selections ask in different ways.

use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

pub type Arguments = Map<String, Value>;

// ---- the types -------------------------------------------------------------------------------------------------------

#[derive(serde::Deserialize)]
pub struct Schema {
    types: BTreeMap<String, Type>,
}

#[derive(serde::Deserialize)]
struct Type {
    kind: Kind,
    #[serde(default)]
    fields: BTreeMap<String, FieldType>,
    #[serde(default)]
    values: BTreeSet<String>,
    /// The objects of an interface or union.
    #[serde(default)]
    possible: BTreeSet<String>,
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Enum,
    InputObject,
    Interface,
    Object,
    Scalar,
    Union,
}

#[derive(serde::Deserialize)]
struct FieldType {
    #[serde(rename = "type")]
    of: String,
    args: BTreeMap<String, String>,
}

pub static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../contract/github/graphql.json")).expect("graphql.json has its shape"));

const SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];
const PAGE_LIMIT: i64 = 100;

/// What a type's text is made of: `[X!]!` is required, and a list of `X!`.
enum Shape<'a> {
    List(&'a str),
    Named(&'a str),
}

fn shape(text: &str) -> (bool, Shape<'_>) {
    let (text, required) = text.strip_suffix('!').map_or((text, false), |text| (text, true));
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    (required, inner.map_or(Shape::Named(text), Shape::List))
}

fn named(text: &str) -> &str {
    text.trim_matches(['[', ']', '!'])
}

impl Schema {
    /// The named type of a field: `PullRequest` for `[PullRequest!]`.
    pub fn field(&self, of: &str, field: &str) -> Option<&str> {
        Some(named(&self.types.get(of)?.fields.get(field)?.of))
    }

    /// Whether a field is never null: where it is all the same, the object that it is asked of becomes null.
    pub fn is_required(&self, of: &str, field: &str) -> bool {
        self.types.get(of).and_then(|found| found.fields.get(field)).is_some_and(|found| found.of.ends_with('!'))
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        if SCALARS.contains(&name) { Some(Kind::Scalar) } else { self.types.get(name).map(|found| found.kind) }
    }

    fn is_leaf(&self, name: &str) -> bool {
        matches!(self.kind(name), Some(Kind::Scalar | Kind::Enum))
    }

    /// The objects that a type can be.
    fn objects<'a>(&'a self, name: &'a str) -> BTreeSet<&'a str> {
        match self.types.get(name) {
            Some(found) if found.kind == Kind::Object => BTreeSet::from([name]),
            Some(found) => found.possible.iter().map(String::as_str).collect(),
            None => BTreeSet::new(),
        }
    }

    pub fn is_a(&self, object: &str, of: &str) -> bool {
        self.objects(of).contains(object)
    }

    /// Whether a value fits a type, in an answer or as an input.
    fn fits(&self, value: &Value, of: &str) -> Result<(), String> {
        let wrong = || Err(format!("{value} is not a {of}"));
        match (shape(of), value) {
            ((true, _), Value::Null) => Err(format!("null where {of} is due")),
            ((false, _), Value::Null) => Ok(()),
            ((_, Shape::List(inner)), Value::Array(items)) => items.iter().try_for_each(|item| self.fits(item, inner)),
            // One value is a list of one, for inputs; answers are told apart before.
            ((_, Shape::List(inner)), value) => self.fits(value, inner),
            ((_, Shape::Named(name)), value) => match (name, self.types.get(name)) {
                ("Int", _) if value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
                ("Float", _) if value.is_number() => Ok(()),
                ("Boolean", _) if value.is_boolean() => Ok(()),
                ("ID" | "String", _) if value.is_string() => Ok(()),
                ("GitObjectID", _) if value.as_str().is_some_and(is_object_id) => Ok(()),
                ("DateTime", _) if value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()) => Ok(()),
                ("URI", _) if value.as_str().is_some_and(|text| text.contains("://")) => Ok(()),
                ("BigInt", _) if value.as_str().is_some_and(|text| text.parse::<i128>().is_ok()) => Ok(()),
                ("HTML" | "GitSSHRemote", _) if value.is_string() => Ok(()),
                (_, Some(found)) if found.kind == Kind::Enum && value.as_str().is_some_and(|text| found.values.contains(text)) => Ok(()),
                (_, Some(found)) if found.kind == Kind::InputObject => {
                    let Value::Object(members) = value else { return wrong() };
                    if let Some(unknown) = members.keys().find(|key| !found.fields.contains_key(*key)) {
                        return Err(format!("{name} has no member {unknown}"));
                    }
                    found.fields.iter().try_for_each(|(key, field)| self.fits(members.get(key).unwrap_or(&Value::Null), &field.of))
                }
                _ => wrong(),
            },
        }
    }
}

pub fn is_object_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

// ---- documents -------------------------------------------------------------------------------------------------------

#[derive(Debug)]
pub struct Document {
    operations: Vec<Operation>,
    fragments: BTreeMap<String, Fragment>,
}

#[derive(Debug)]
struct Operation {
    keyword: String,
    name: Option<String>,
    /// Name, type, default.
    variables: Vec<(String, String, Option<Argument>)>,
    selections: Vec<Selection>,
}

#[derive(Debug)]
struct Fragment {
    on: String,
    selections: Vec<Selection>,
}

#[derive(Debug)]
enum Selection {
    Field(Field),
    Spread(String, Vec<Directive>),
    Inline(Option<String>, Vec<Directive>, Vec<Selection>),
}

#[derive(Debug)]
pub struct Field {
    key: String,
    pub name: String,
    arguments: Vec<(String, Argument)>,
    directives: Vec<Directive>,
    selections: Vec<Selection>,
}

type Directive = (String, Vec<(String, Argument)>);

#[derive(Debug, Clone)]
enum Argument {
    Variable(String),
    Value(Value),
    /// A bare word.
    Enum(String),
    List(Vec<Argument>),
    Object(Vec<(String, Argument)>),
}

impl Argument {
    /// With the variables put in; a variable that was not given is absent.
    fn value(&self, variables: &Arguments) -> Option<Value> {
        Some(match self {
            Argument::Variable(name) => return variables.get(name).cloned(),
            Argument::Value(value) => value.clone(),
            Argument::Enum(word) => Value::String(word.clone()),
            Argument::List(items) => Value::Array(items.iter().map(|item| item.value(variables).unwrap_or(Value::Null)).collect()),
            Argument::Object(members) => {
                Value::Object(members.iter().filter_map(|(key, member)| Some((key.clone(), member.value(variables)?))).collect())
            }
        })
    }

    fn variables<'a>(&'a self, used: &mut Vec<&'a str>) {
        match self {
            Argument::Variable(name) => used.push(name),
            Argument::List(items) => items.iter().for_each(|item| item.variables(used)),
            Argument::Object(members) => members.iter().for_each(|(_, member)| member.variables(used)),
            Argument::Value(_) | Argument::Enum(_) => {}
        }
    }
}

impl Field {
    pub fn arguments(&self, variables: &Arguments) -> Arguments {
        self.arguments.iter().filter_map(|(name, argument)| Some((name.clone(), argument.value(variables)?))).collect()
    }
}

/// One operation that was asked, found valid: what is needed to answer it, and to hold the answer to it.
pub struct Query {
    document: Document,
    pub variables: Arguments,
}

/// Reads the body of `POST /graphql` and holds it to the schema.
pub fn query(body: &Value) -> Result<Query, Vec<String>> {
    let members = body.as_object().ok_or_else(|| vec!["the body is not an object".to_owned()])?;
    if let Some(unknown) = members.keys().find(|key| !["query", "variables", "operationName"].contains(&key.as_str())) {
        return Err(vec![format!("the body has an unknown member `{unknown}`")]);
    }
    let text = members.get("query").and_then(Value::as_str).ok_or_else(|| vec!["the body has no `query`".to_owned()])?;
    let document = Parser::new(text).and_then(|mut parser| parser.document()).map_err(|fault| vec![fault])?;
    let [operation] = &document.operations[..] else { return Err(vec!["a document has one operation here".to_owned()]) };
    let wanted = members.get("operationName").and_then(Value::as_str);
    if wanted.is_some() && wanted != operation.name.as_deref() {
        return Err(vec![format!("there is no operation `{}`", wanted.unwrap_or_default())]);
    }
    let given = match members.get("variables") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(given)) => given.clone(),
        Some(_) => return Err(vec!["`variables` is not an object".to_owned()]),
    };
    let mut faults = Vec::new();
    let mut variables = Map::new();
    faults.extend(
        given.keys().filter(|key| !operation.variables.iter().any(|(name, ..)| name == *key)).map(|key| format!("${key} is not declared")),
    );
    for (name, of, default) in &operation.variables {
        let value = given.get(name).cloned().or_else(|| default.as_ref()?.value(&Map::new()));
        if let Err(fault) = SCHEMA.fits(value.as_ref().unwrap_or(&Value::Null), of) {
            faults.push(format!("${name}: {fault}"));
        }
        variables.extend(value.map(|value| (name.clone(), value)));
    }
    let root = if operation.keyword == "query" { "Query" } else { "Mutation" };
    let mut check = Check { document: &document, operation, variables: &variables, faults, used: BTreeSet::new(), depth: 0 };
    check.selections(&operation.selections, root, root);
    let unused =
        operation.variables.iter().filter(|(name, ..)| !check.used.contains(name)).map(|(name, ..)| format!("${name} is never used"));
    let mut faults: Vec<String> = unused.collect();
    faults.append(&mut check.faults);
    if faults.is_empty() { Ok(Query { document, variables }) } else { Err(faults) }
}

struct Check<'a> {
    document: &'a Document,
    operation: &'a Operation,
    variables: &'a Arguments,
    faults: Vec<String>,
    used: BTreeSet<String>,
    depth: usize,
}

impl<'a> Check<'a> {
    fn selections(&mut self, selections: &'a [Selection], of: &str, at: &str) {
        self.depth += 1;
        if self.depth > 50 {
            return self.faults.push(format!("{at}: fragments that hold themselves"));
        }
        for selection in selections {
            match selection {
                Selection::Field(field) => self.field(field, of, at),
                Selection::Spread(name, directives) => {
                    self.directives(directives, at);
                    match self.document.fragments.get(name) {
                        Some(fragment) => self.condition(&fragment.on, &fragment.selections, of, at),
                        None => self.faults.push(format!("{at}: no fragment `{name}`")),
                    }
                }
                Selection::Inline(on, directives, selections) => {
                    self.directives(directives, at);
                    self.condition(on.as_deref().unwrap_or(of), selections, of, at);
                }
            }
        }
        self.depth -= 1;
    }

    fn condition(&mut self, on: &str, selections: &'a [Selection], of: &str, at: &str) {
        if SCHEMA.objects(on).is_disjoint(&SCHEMA.objects(of)) {
            return self.faults.push(format!("{at}: a {of} is never a {on}"));
        }
        self.selections(selections, on, at);
    }

    fn field(&mut self, field: &'a Field, of: &str, at: &str) {
        let at = format!("{at}.{}", field.name);
        self.directives(&field.directives, &at);
        if field.name == "__typename" {
            return;
        }
        let Some(known) = SCHEMA.types.get(of).and_then(|found| found.fields.get(&field.name)) else {
            return self.faults.push(format!("{at}: {of} has no such field in tests/contract/github/graphql.json"));
        };
        let given = field.arguments(self.variables);
        for (name, argument) in &field.arguments {
            match known.args.get(name) {
                Some(of) => self.argument(argument, of, &format!("{at}({name})")),
                None => self.faults.push(format!("{at}: no argument `{name}`")),
            }
        }
        for (name, _) in
            known.args.iter().filter(|(name, of)| of.ends_with('!') && !field.arguments.iter().any(|(given, _)| given == *name))
        {
            self.faults.push(format!("{at}: the argument `{name}` is missing"));
        }
        let inner = named(&known.of);
        if inner.ends_with("Connection") {
            let page = given.get("first").or(given.get("last")).and_then(Value::as_i64);
            if !page.is_some_and(|page| (1..=PAGE_LIMIT).contains(&page)) {
                self.faults.push(format!("{at}: `first` or `last` must be 1 to {PAGE_LIMIT}"));
            }
        }
        match (SCHEMA.is_leaf(inner), field.selections.is_empty()) {
            (true, false) => self.faults.push(format!("{at}: {inner} has no fields")),
            (false, true) => self.faults.push(format!("{at}: nothing is selected of {inner}")),
            _ => self.selections(&field.selections, inner, &at),
        }
    }

    fn argument(&mut self, argument: &'a Argument, of: &str, at: &str) {
        if let Argument::Variable(name) = argument {
            self.used.insert(name.clone());
            let Some((_, declared, default)) = self.operation.variables.iter().find(|(known, ..)| known == name) else {
                return self.faults.push(format!("{at}: ${name} is not declared"));
            };
            let exact = declared == of || declared.strip_suffix('!') == Some(of);
            let has_value = default.is_some() && of.strip_suffix('!') == Some(declared);
            if !(exact || has_value) {
                self.faults.push(format!("{at}: ${name} is a {declared} where {of} is due"));
            }
            return;
        }
        let mut used = Vec::new();
        argument.variables(&mut used);
        self.used.extend(used.into_iter().map(str::to_owned));
        let is_word = matches!(argument, Argument::Enum(_));
        if is_word != (SCHEMA.kind(named(of)) == Some(Kind::Enum))
            && matches!(argument, Argument::Enum(_) | Argument::Value(Value::String(_)))
        {
            return self.faults.push(format!("{at}: a word or a string where the other is due"));
        }
        if let Some(Err(fault)) = argument.value(self.variables).map(|value| SCHEMA.fits(&value, of)) {
            self.faults.push(format!("{at}: {fault}"));
        }
    }

    fn directives(&mut self, directives: &'a [Directive], at: &str) {
        for (name, arguments) in directives {
            match (name.as_str(), &arguments[..]) {
                ("include" | "skip", [(argument, value)]) if argument == "if" => self.argument(value, "Boolean!", at),
                _ => self.faults.push(format!("{at}: unknown directive @{name}")),
            }
        }
    }
}

// ---- answers ---------------------------------------------------------------------------------------------------------

impl Query {
    pub fn root(&self) -> &'static str {
        if self.operation().keyword == "query" { "Query" } else { "Mutation" }
    }

    fn operation(&self) -> &Operation {
        &self.document.operations[0]
    }

    /// The fields asked of an object, by their key in the answer, in order; several selections of one key are one.
    pub fn fields<'a>(&'a self, parents: &[&'a Field], object: &str) -> Vec<(&'a str, Vec<&'a Field>)> {
        let mut found = Vec::new();
        if parents.is_empty() {
            self.collect(&self.operation().selections, object, &mut found);
        }
        parents.iter().for_each(|parent| self.collect(&parent.selections, object, &mut found));
        found
    }

    fn collect<'a>(&'a self, selections: &'a [Selection], object: &str, found: &mut Vec<(&'a str, Vec<&'a Field>)>) {
        for selection in selections {
            match selection {
                Selection::Field(field) if self.wanted(&field.directives) => match found.iter_mut().find(|(key, _)| *key == field.key) {
                    Some((_, fields)) => fields.push(field),
                    None => found.push((&field.key, vec![field])),
                },
                Selection::Spread(name, directives) if self.wanted(directives) => {
                    let fragment = &self.document.fragments[name];
                    if SCHEMA.is_a(object, &fragment.on) {
                        self.collect(&fragment.selections, object, found);
                    }
                }
                Selection::Inline(on, directives, selections)
                    if self.wanted(directives) && on.as_ref().is_none_or(|on| SCHEMA.is_a(object, on)) =>
                {
                    self.collect(selections, object, found);
                }
                _ => {}
            }
        }
    }

    fn wanted(&self, directives: &[Directive]) -> bool {
        directives.iter().all(|(name, arguments)| {
            let holds = arguments[0].1.value(&self.variables) == Some(Value::Bool(true));
            holds == (name == "include")
        })
    }

    /// What of an answer's body breaks the contract.
    pub fn violations(&self, body: &Value) -> Vec<String> {
        let Some(members) = body.as_object() else { return vec!["the answer is not an object".to_owned()] };
        let mut faults = Vec::new();
        faults.extend(
            members
                .keys()
                .filter(|key| !["data", "errors", "extensions"].contains(&key.as_str()))
                .map(|key| format!("unknown member `{key}`")),
        );
        let errors = members.get("errors");
        if let Some(errors) = errors {
            let list = errors.as_array().filter(|list| !list.is_empty());
            if !list.is_some_and(|list| list.iter().all(|error| error["message"].is_string())) {
                faults.push("`errors` is not a list of messages".to_owned());
            }
        }
        match members.get("data") {
            Some(Value::Null) | None if errors.is_none() => faults.push("neither `data` nor `errors`".to_owned()),
            Some(Value::Null) | None => {}
            Some(data) => self.object(data, &[], self.root(), "data", &mut faults),
        }
        faults
    }

    fn object(&self, value: &Value, parents: &[&Field], object: &str, at: &str, faults: &mut Vec<String>) {
        let Some(members) = value.as_object() else { return faults.push(format!("{at}: {value} is not an object")) };
        let wanted = self.fields(parents, object);
        faults.extend(
            members.keys().filter(|key| !wanted.iter().any(|(known, _)| known == key)).map(|key| format!("{at}.{key} was not asked")),
        );
        for (key, fields) in wanted {
            let at = format!("{at}.{key}");
            let Some(value) = members.get(key) else {
                faults.push(format!("{at} is missing"));
                continue;
            };
            if fields[0].name == "__typename" {
                if value != object {
                    faults.push(format!("{at}: {value} is not {object}"));
                }
                continue;
            }
            self.value(value, &SCHEMA.types[object].fields[&fields[0].name].of, &fields, &at, faults);
        }
    }

    fn value(&self, value: &Value, of: &str, fields: &[&Field], at: &str, faults: &mut Vec<String>) {
        let (required, shape) = shape(of);
        match (value, shape) {
            (Value::Null, _) if required => faults.push(format!("{at}: null where {of} is due")),
            (Value::Null, _) => {}
            (Value::Array(items), Shape::List(inner)) => {
                items.iter().enumerate().for_each(|(index, item)| self.value(item, inner, fields, &format!("{at}[{index}]"), faults));
            }
            (_, Shape::List(_)) => faults.push(format!("{at}: {value} is not a list")),
            (_, Shape::Named(name)) if SCHEMA.is_leaf(name) => {
                faults.extend(SCHEMA.fits(value, of).err().map(|fault| format!("{at}: {fault}")));
            }
            (_, Shape::Named(name)) => self.one_of(value, name, fields, at, faults),
        }
    }

    /// Where the type is not said, it must be one of those that it can be.
    fn one_of(&self, value: &Value, of: &str, fields: &[&Field], at: &str, faults: &mut Vec<String>) {
        let objects = SCHEMA.objects(of);
        let said = value.get("__typename").and_then(Value::as_str);
        if let Some(said) = said.filter(|said| !objects.contains(said)) {
            return faults.push(format!("{at}: {said} is not a {of}"));
        }
        let mut least: Option<Vec<String>> = None;
        for object in objects.into_iter().filter(|object| said.is_none_or(|said| said == *object)) {
            let mut found = Vec::new();
            self.object(value, fields, object, at, &mut found);
            if least.as_ref().is_none_or(|least| found.len() < least.len()) {
                least = Some(found);
            }
        }
        faults.extend(least.unwrap_or_default());
    }
}

// ---- reading ---------------------------------------------------------------------------------------------------------

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Number(String),
    Text(String),
    Mark(&'static str),
}

const MARKS: [&str; 13] = ["...", "!", "$", "&", "(", ")", "[", "]", "{", "}", ":", "=", "@"];

impl Parser {
    fn new(text: &str) -> Result<Parser, String> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let used = match first {
                _ if first.is_whitespace() || first == ',' => first.len_utf8(),
                '#' => rest.find('\n').unwrap_or(rest.len()),
                '_' | 'a'..='z' | 'A'..='Z' => {
                    let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                    tokens.push(Token::Word(rest[..end].to_owned()));
                    end
                }
                '-' | '0'..='9' => {
                    let end =
                        rest[1..].find(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-')).map_or(rest.len(), |end| end + 1);
                    tokens.push(Token::Number(rest[..end].to_owned()));
                    end
                }
                '"' => {
                    let mut ends = rest.bytes().enumerate().skip(1).filter(|(at, byte)| *byte == b'"' && rest.as_bytes()[at - 1] != b'\\');
                    let end = ends.next().ok_or("a string without an end")?.0 + 1;
                    tokens.push(Token::Text(serde_json::from_str(&rest[..end]).map_err(|_| "a string that cannot be read")?));
                    end
                }
                _ => {
                    let mark = MARKS.iter().find(|mark| rest.starts_with(**mark)).ok_or_else(|| format!("unexpected `{first}`"))?;
                    tokens.push(Token::Mark(mark));
                    mark.len()
                }
            };
            rest = &rest[used..];
        }
        Ok(Parser { tokens, at: 0 })
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the document ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn has(&mut self, mark: &'static str) -> bool {
        let has = self.tokens.get(self.at) == Some(&Token::Mark(mark));
        self.at += usize::from(has);
        has
    }

    fn sees(&self, mark: &'static str) -> bool {
        self.tokens.get(self.at) == Some(&Token::Mark(mark))
    }

    fn due(&mut self, mark: &'static str) -> Result<(), String> {
        if self.has(mark) { Ok(()) } else { Err(format!("`{mark}` is due before {:?}", self.tokens.get(self.at))) }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(format!("a name is due, not {other:?}")),
        }
    }

    fn document(&mut self) -> Result<Document, String> {
        let mut document = Document { operations: Vec::new(), fragments: BTreeMap::new() };
        while self.at < self.tokens.len() {
            if self.sees("{") {
                let selections = self.selections()?;
                document.operations.push(Operation { keyword: "query".to_owned(), name: None, variables: Vec::new(), selections });
                continue;
            }
            match self.word()?.as_str() {
                "fragment" => {
                    let name = self.word()?;
                    if self.word()? != "on" {
                        return Err("`on` is due after the name of a fragment".to_owned());
                    }
                    let fragment = Fragment { on: self.word()?, selections: self.selections()? };
                    document.fragments.insert(name, fragment);
                }
                keyword @ ("query" | "mutation") => {
                    let name = if self.sees("{") || self.sees("(") { None } else { Some(self.word()?) };
                    let variables = self.variables()?;
                    let selections = self.selections()?;
                    document.operations.push(Operation { keyword: keyword.to_owned(), name, variables, selections });
                }
                other => return Err(format!("`{other}` opens no definition")),
            }
        }
        Ok(document)
    }

    fn variables(&mut self) -> Result<Vec<(String, String, Option<Argument>)>, String> {
        let mut variables = Vec::new();
        if self.has("(") {
            while !self.has(")") {
                self.due("$")?;
                let name = self.word()?;
                self.due(":")?;
                let of = self.type_text()?;
                let default = if self.has("=") { Some(self.argument()?) } else { None };
                variables.push((name, of, default));
            }
        }
        Ok(variables)
    }

    fn type_text(&mut self) -> Result<String, String> {
        let mut text = if self.has("[") {
            let inner = self.type_text()?;
            self.due("]")?;
            format!("[{inner}]")
        } else {
            self.word()?
        };
        if self.has("!") {
            text.push('!');
        }
        Ok(text)
    }

    fn selections(&mut self) -> Result<Vec<Selection>, String> {
        self.due("{")?;
        let mut selections = Vec::new();
        while !self.has("}") {
            selections.push(self.selection()?);
        }
        if selections.is_empty() { Err("an empty selection".to_owned()) } else { Ok(selections) }
    }

    fn selection(&mut self) -> Result<Selection, String> {
        if self.has("...") {
            let on = match self.tokens.get(self.at) {
                Some(Token::Word(word)) if word == "on" => {
                    self.at += 1;
                    Some(self.word()?)
                }
                Some(Token::Word(_)) => return Ok(Selection::Spread(self.word()?, self.directives()?)),
                _ => None,
            };
            return Ok(Selection::Inline(on, self.directives()?, self.selections()?));
        }
        let first = self.word()?;
        let (key, name) = if self.has(":") { (first, self.word()?) } else { (first.clone(), first) };
        let (arguments, directives) = (self.arguments()?, self.directives()?);
        let selections = if self.sees("{") { self.selections()? } else { Vec::new() };
        Ok(Selection::Field(Field { key, name, arguments, directives, selections }))
    }

    fn arguments(&mut self) -> Result<Vec<(String, Argument)>, String> {
        let mut arguments = Vec::new();
        if self.has("(") {
            while !self.has(")") {
                let name = self.word()?;
                self.due(":")?;
                arguments.push((name, self.argument()?));
            }
        }
        Ok(arguments)
    }

    fn directives(&mut self) -> Result<Vec<Directive>, String> {
        let mut directives = Vec::new();
        while self.has("@") {
            directives.push((self.word()?, self.arguments()?));
        }
        Ok(directives)
    }

    fn argument(&mut self) -> Result<Argument, String> {
        Ok(match self.next()? {
            Token::Mark("$") => Argument::Variable(self.word()?),
            Token::Mark("[") => {
                let mut items = Vec::new();
                while !self.has("]") {
                    items.push(self.argument()?);
                }
                Argument::List(items)
            }
            Token::Mark("{") => {
                let mut members = Vec::new();
                while !self.has("}") {
                    let name = self.word()?;
                    self.due(":")?;
                    members.push((name, self.argument()?));
                }
                Argument::Object(members)
            }
            Token::Text(text) => Argument::Value(Value::String(text)),
            Token::Number(text) => Argument::Value(serde_json::from_str(&text).map_err(|_| format!("`{text}` is no number"))?),
            Token::Word(word) => match word.as_str() {
                "true" => Argument::Value(Value::Bool(true)),
                "false" => Argument::Value(Value::Bool(false)),
                "null" => Argument::Value(Value::Null),
                _ => Argument::Enum(word),
            },
            Token::Mark(other) => return Err(format!("a value is due before `{other}`")),
        })
    }
}
