//! Endpoints: `GET /x` and `/x` in code spans, looked for in the OpenAPI documents of the tree, in route files whose path is
//! the route, and in what the gates ask.
//!
//! Where an OpenAPI document or route files exist, they are the whole truth of the paths that start like theirs; anything
//! else stays unchecked. Deliberately absent: routes that a program registers in its code.

use super::asked::Asked;
use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft, did_you_mean},
    extract::spans::Span,
    index::{Found, Index, normal},
    landmarks::Word,
};
use crate::{
    text::{constant::pattern, markdown::Bytes, source::Source, yaml},
    tree::Unreadable,
};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, OnceLock},
};

const NO_SOURCE: &str = "no route file, OpenAPI document or gate tells of endpoints";
const OTHER_HOST: &str = "on a host that no channel names";
const NOT_TOLD: &str = "no route file, OpenAPI document or gate tells of it";

/// Folders of machines, not of services.
const OF_SYSTEMS: &[&str] = &[
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr",
    "var",
    "Users",
    "Applications",
    "Library",
    "Volumes",
];

pub use super::extract::spans::METHODS;

/// A part of a route, or of the path that a document asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Fixed(String),
    /// Stands for one part.
    Any,
    /// `[...x]`, `[[...x]]`: stands for all parts from here on. Whether there may be none.
    Rest {
        none: bool,
    },
}

/// The routes of the tree, by their parts. Read once and only when asked for.
#[derive(Default)]
pub struct Routes(OnceLock<Result<Told, Unreadable>>);

#[derive(Default)]
struct Told {
    /// Route to its methods; no method: every one.
    routes: BTreeMap<Vec<Part>, BTreeSet<String>>,
    /// First parts of routes that files or an OpenAPI document told of: what starts like this is known as a whole.
    whole: BTreeSet<Part>,
}

/// The path of a URL that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub method: Option<&'static str>,
    pub path: String,
    /// The bytes of the path.
    pub range: Bytes,
    /// The host is left open, is this machine or that of a channel: not a stranger's.
    pub ours: bool,
}

pub fn take(desk: &mut Desk, in_commands: &[Named]) -> Result<(), Unreadable> {
    let document = desk.document;
    let mut named = Vec::new();
    for (code, span) in document.codes.iter().zip(&desk.spans) {
        if let Span::Endpoint(method, path) = span {
            named.push((*method, path.clone(), code.content.clone()));
        }
    }
    named.extend(bare(desk));
    if named.is_empty() && in_commands.is_empty() {
        return Ok(());
    }
    let library = desk.library;
    let told = library.routes.0.get_or_init(|| gather(&library.index, library.asked()));
    let told = told.as_ref().map_err(Clone::clone)?;
    for (method, path, range) in named {
        // A file of the tree is a path.
        if method.is_none()
            && let Some(path) = normal("", &path).filter(|path| !path.is_empty())
            && library.index.find(&path)? != Found::Nothing
        {
            continue;
        }
        let draft = draft(desk, method, &path, range);
        judge(desk, draft, told, method, &path);
    }
    for Named { method, path, range, ours } in in_commands {
        let draft = draft(desk, *method, path, range.clone());
        if *ours {
            judge(desk, draft, told, *method, path);
        } else {
            desk.add(draft, Verdict::unchecked(OTHER_HOST));
        }
    }
    Ok(())
}

/// Endpoints in plain text: a word that starts with a slash and has two parts, or stands behind a method.
fn bare(desk: &Desk) -> Vec<(Option<&'static str>, String, Bytes)> {
    let mut found = Vec::new();
    // Metadata says where the page itself is served.
    let page = desk.document.front_matter.as_ref().map_or(0, |metadata| metadata.end);
    for spot in desk.landmarks.spots(Word::Slash).iter().filter(|spot| spot.at >= page) {
        let before = &desk.source.text[..spot.at];
        if before.ends_with(|c: char| !c.is_whitespace() && !"(|".contains(c)) {
            continue;
        }
        let rest = desk.text(&(spot.at..desk.document.texts[spot.text].end));
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        let word = word.split(['?', '#', '|']).next().unwrap_or_default().trim_end_matches(['.', ',', ';', ':', '!', ')', '\'', '"', '/']);
        let method = METHODS.iter().find(|method| before.trim_end().ends_with(**method)).copied();
        let mut parts = word.split('/').skip(1);
        let first = parts.next().unwrap_or_default();
        let lawful = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "._-~:{}[]<>@%".contains(c));
        if OF_SYSTEMS.contains(&first) || parts.next().is_none() && method.is_none() || !word.split('/').skip(1).all(lawful) {
            continue;
        }
        found.push((method, word.to_owned(), spot.at..spot.at + word.len()));
    }
    found
}

fn draft(desk: &Desk, method: Option<&str>, path: &str, range: Bytes) -> Draft {
    let target = method.map_or_else(|| path.to_owned(), |method| format!("{method} {path}"));
    Draft { kind: ReferenceKind::Endpoint, text: desk.text(&range).to_owned(), target, range }
}

fn judge(desk: &mut Desk, draft: Draft, told: &Told, method: Option<&str>, path: &str) {
    let wanted = parts(path);
    let serving: Vec<&BTreeSet<String>> =
        told.routes.iter().filter(|(route, _)| serves(route, &wanted)).map(|(_, methods)| methods).collect();
    let method_fits = |methods: &&&BTreeSet<String>| method.is_none_or(|method| methods.is_empty() || methods.contains(method));
    if serving.iter().any(|methods| method_fits(&methods)) {
        desk.add(draft, Verdict::Ok);
        return;
    }
    if told.routes.is_empty() {
        desk.add(draft, Verdict::unchecked(NO_SOURCE));
        return;
    }
    if !desk.strict || !wanted.first().is_some_and(|first| told.whole.contains(first)) {
        desk.add(draft, Verdict::unchecked(NOT_TOLD));
        return;
    }
    if let Some(reason) = super::grade::brought(desk, &draft.range) {
        desk.add(draft, Verdict::Unchecked(reason.into()));
        return;
    }
    let (message, help) = match serving.first() {
        Some(methods) => {
            let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
            (format!("`{path}` answers {}, not {}", methods.join(", "), method.unwrap_or_default()), None)
        }
        None => {
            let routes: Vec<String> = told.routes.keys().map(|route| shown(route)).collect();
            let help = desk.similar(path, routes.iter()).map(|route| did_you_mean(&route));
            (format!("no route file, OpenAPI document or gate of the tree serves `{path}`"), help)
        }
    };
    desk.broken(draft, "docs/unknown-endpoint", message, help);
}

/// Whether a route answers the path. What stands for any part in the document does so here as well.
fn serves(route: &[Part], wanted: &[Part]) -> bool {
    let (mut route, mut wanted) = (route, wanted);
    loop {
        (route, wanted) = match (route, wanted) {
            ([], []) => return true,
            ([Part::Rest { none }, ..], wanted) => return *none || !wanted.is_empty(),
            ([_, ..], [Part::Rest { .. }, ..]) | ([], [Part::Rest { none: true }, ..]) => return true,
            ([Part::Fixed(one), ..], [Part::Fixed(other), ..]) if one != other => return false,
            ([_, route @ ..], [_, wanted @ ..]) => (route, wanted),
            ([], [_, ..]) | ([_, ..], []) => return false,
        }
    }
}

/// A path by its parts, without query and fragment.
fn parts(path: &str) -> Vec<Part> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let variable =
        |part: &str| part.starts_with([':', '<', '{', '[', '$', '*']) || part.contains(['<', '{', '\u{2026}', '*']) || part.contains("...");
    let part = |part: &str| match part {
        _ if part.starts_with("[[...") => Part::Rest { none: true },
        _ if part.starts_with("[...") => Part::Rest { none: false },
        _ if variable(part) => Part::Any,
        _ => Part::Fixed(part.to_owned()),
    };
    path.split('/').filter(|part| !part.is_empty()).map(part).collect()
}

fn shown(route: &[Part]) -> String {
    route.iter().fold(String::new(), |shown, part| match part {
        Part::Fixed(part) => shown + "/" + part,
        Part::Any => shown + "/{…}",
        Part::Rest { .. } => shown + "/…",
    })
}

fn gather(index: &Index, asked: &Asked) -> Result<Told, Unreadable> {
    let mut told = Told::default();
    for entry in index.tree.entries()? {
        if let Some(route) = route_of(&entry.path) {
            told.whole.extend(route.first().cloned());
            let methods =
                if is_handler(&entry.path) { exported(&index.tree.read(&entry.path)?.unwrap_or_default()) } else { BTreeSet::new() };
            add(&mut told.routes, route, methods);
        } else if is_openapi(&entry.path) {
            let bytes = index.tree.read(&entry.path)?.unwrap_or_default();
            for (path, methods) in openapi(&entry.path, &bytes) {
                let route = parts(&path);
                told.whole.extend(route.first().cloned());
                add(&mut told.routes, route, methods);
            }
        }
    }
    // What a gate asks is there, but it says nothing of methods: who tells of them knows better.
    for path in &asked.endpoints {
        let path = parts(path);
        if !told.routes.keys().any(|route| serves(route, &path)) {
            told.routes.insert(path, BTreeSet::new());
        }
    }
    Ok(told)
}

/// Who tells of a route without its methods tells of all of them.
fn add(routes: &mut BTreeMap<Vec<Part>, BTreeSet<String>>, route: Vec<Part>, methods: BTreeSet<String>) {
    match routes.get_mut(&route) {
        Some(known) if known.is_empty() || methods.is_empty() => known.clear(),
        Some(known) => known.extend(methods),
        None => drop(routes.insert(route, methods)),
    }
}

/// Files of this name export a function for each method; a page, or a file below `pages/api`, takes any.
fn is_handler(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("route."))
}

/// The methods that a route file exports. None where one may come from elsewhere: it may serve any.
fn exported(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    if ELSEWHERE.is_match(&text) {
        return BTreeSet::new();
    }
    let mut methods: BTreeSet<String> =
        EXPORTED.captures_iter(&text).filter_map(|found| Some(found.name("name")?.as_str().to_owned())).collect();
    // Frameworks answer these by themselves.
    if methods.contains("GET") {
        methods.insert("HEAD".to_owned());
    }
    if !methods.is_empty() {
        methods.insert("OPTIONS".to_owned());
    }
    methods
}

static EXPORTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?m)^\s*export\s+(?:(?:async\s+)?function\s*\*?|const|let|var)\s+(?P<name>GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\b")
});

/// `export { GET, POST }`, `export * from`, `export const { GET, POST } = …`, `module.exports`.
static ELSEWHERE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)\bexport\s*(?:[{*]|(?:const|let|var)\s*[{\[])|\bmodule\.exports\b|\bexports\."));

/// The route that a file serves by its place: `app/api/health/route.ts`, `pages/api/health.ts`. Groups in parentheses are no
/// part of it.
fn route_of(path: &str) -> Option<Vec<Part>> {
    let (folder, file) = path.rsplit_once('/')?;
    let (stem, extension) = file.split_once('.')?;
    if !matches!(extension, "ts" | "tsx" | "js" | "jsx" | "mjs") {
        return None;
    }
    let folder = format!("/{folder}/");
    let below = |root: &str| folder.rfind(root).map(|at| folder[at + root.len()..].trim_end_matches('/').to_owned());
    let route = match stem {
        "route" | "page" => below("/app/")?,
        _ => {
            let inner = below("/pages/")?;
            if !inner.starts_with("api") || stem.starts_with('_') {
                return None;
            }
            if stem == "index" { inner } else { format!("{inner}/{stem}") }
        }
    };
    let shown = |part: &&str| !(part.starts_with('@') || part.starts_with('(') && part.ends_with(')'));
    Some(parts(&route.split('/').filter(shown).collect::<Vec<_>>().join("/")))
}

fn is_openapi(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let named = name.starts_with("openapi") || name.starts_with("swagger");
    named && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// Paths and methods of an OpenAPI document; one that cannot be read tells nothing.
fn openapi(file: &str, bytes: &[u8]) -> Vec<(String, BTreeSet<String>)> {
    let source = Source::new(file, String::from_utf8_lossy(bytes));
    let Ok(value) = yaml::parse::<serde_json::Value>(&source) else { return Vec::new() };
    let methods = |item: &serde_json::Value| {
        let keys = item.as_object().into_iter().flat_map(|item| item.keys());
        keys.map(|key| key.to_ascii_uppercase())
            .filter(|key| matches!(key.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS"))
            .collect()
    };
    let paths = value.get("paths").and_then(serde_json::Value::as_object);
    paths.into_iter().flatten().map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_files_answer_what_they_export() {
        for (text, methods) in [
            ("export async function GET() {}\nexport const POST = handle;\nfunction DELETE() {}", "GET HEAD OPTIONS POST"),
            ("import x from 'y';\n  export function PUT(request) {}\nexport const GETTER = 1;", "OPTIONS PUT"),
            ("export { GET } from './other';\nexport const POST = 1;", ""),
            ("export const { GET, POST } = handlers;", ""),
            ("export * from './other'", ""),
            ("export const dynamic = 'force-static';", ""),
            ("module.exports = {};\nexport const GET = 1;", ""),
        ] {
            assert_eq!(exported(text.as_bytes()).into_iter().collect::<Vec<_>>().join(" "), methods, "{text}");
        }
    }

    #[test]
    fn variable_parts_stand_for_one_or_for_the_rest() {
        for (route, wanted, answers) in [
            ("/guide/[...slug]", "/guide/a/b", true),
            ("/guide/[...slug]", "/guide", false),
            ("/shop/[[...all]]", "/shop", true),
            ("/shop/[[...all]]", "/shop/a/b", true),
            ("/shop/[[...all]]", "/shops", false),
            ("/[[...all]]", "/", true),
            ("/users/[id]", "/users/42", true),
            ("/users/[id]", "/users/42/x", false),
            ("/users/[id]/x", "/users/<id>/x", true),
            ("/guide/[...slug]", "/guide/[...slug]", true),
            ("/guide/a", "/guide/[...slug]", true),
            ("/a/b", "/a/c", false),
        ] {
            assert_eq!(serves(&parts(route), &parts(wanted)), answers, "{route} {wanted}");
        }
    }

    #[test]
    fn files_serve_the_route_of_their_place() {
        for (path, route) in [
            ("apps/web/app/api/health/route.ts", Some("/api/health")),
            ("apps/web/app/api/.well-known/jwks.json/route.ts", Some("/api/.well-known/jwks.json")),
            ("app/(auth)/sign-in/page.tsx", Some("/sign-in")),
            ("app/passport/[id]/page.tsx", Some("/passport/{…}")),
            ("web/pages/api/users/[id].ts", Some("/api/users/{…}")),
            ("pages/api/index.ts", Some("/api")),
            ("pages/about.tsx", None),
            ("app/api/health/route.test.ts", None),
            ("src/route.rs", None),
            ("app/@modal/help/page.tsx", Some("/help")),
            ("pages/api/_mid.ts", None),
            ("app/guide/[...slug]/page.tsx", Some("/guide/…")),
            ("app/[[...all]]/page.tsx", Some("/…")),
        ] {
            assert_eq!(route_of(path).map(|route| shown(&route)).as_deref(), route, "{path}");
        }
    }
}
