//! One source file read by its language's grammar, into definitions.
//!
//! A grammar's parser recovers from errors, so files with mistakes give what can be read. Its cost is bounded by what it is
//! let read and do, not by a clock, so that the same file always gives the same answer: at worst some two seconds.

use super::{
    Container, Definition, Definitions,
    kinds::{self, Found, Language},
};
use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};
use tree_sitter::{Node, ParseOptions, ParseState, Parser, Tree};

/// Brackets within one another. Deeper ones cost a kilobyte for each byte of text.
const DEEPEST: usize = 1000;

/// Bytes that are handed to the parser at once. It asks again for what it goes back to, so handing out little at a time
/// shows how often it reads the same text: some tokens make it run to the end and back.
const CHUNK: usize = 512;

/// How often the whole text may be read. Sound files are read 32 times at most.
const MOST_READINGS: usize = 128;

/// Steps of the parser (as it reports them, by the hundred) for each kilobyte, and what every file has beside. Sound files
/// need 10 to 20.
const STEPS_PER_KILOBYTE: usize = 20;
const STEPS_BESIDE: usize = 4000;

pub fn definitions(path: &str, text: &str) -> Option<Definitions> {
    let language = Language::of(path)?;
    if nesting(text) > DEEPEST {
        return None;
    }
    let tree = parse(language, text)?;
    let mut reader = Reader { language, text, found: Definitions::default(), members: HashSet::new() };
    reader.walk(&tree);
    let mut found = reader.found;
    found.is_whole = !tree.root_node().has_error();
    found.modules = modules(path);
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, definition) in found.all.iter().enumerate() {
        by_name.entry(definition.name.clone()).or_default().push(at);
    }
    found.by_name = by_name;
    Some(found)
}

/// Brackets that are open at most, strings and comments not told apart.
fn nesting(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn parse(language: Language, text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&language.grammar()).ok()?;
    let mut readings = MOST_READINGS * (text.len() / CHUNK + 1);
    let mut steps = STEPS_BESIDE + STEPS_PER_KILOBYTE * (text.len() / 1024);
    let is_spent = Cell::new(false);
    let mut read = |at: usize, _| {
        readings = readings.saturating_sub(1);
        if readings == 0 {
            is_spent.set(true);
            return &[] as &[u8];
        }
        text.as_bytes().get(at..text.len().min(at + CHUNK)).unwrap_or_default()
    };
    let mut progress = |_: &ParseState| {
        steps = steps.saturating_sub(1);
        if steps == 0 {
            is_spent.set(true);
        }
        if is_spent.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let tree = parser.parse_with_options(&mut read, None, Some(ParseOptions::new().progress_callback(&mut progress)));
    tree.filter(|_| !is_spent.get())
}

/// `src/gate/mod.rs`: `src`, `gate`, `mod`. A dash is written as an underscore in most languages.
fn modules(path: &str) -> Vec<String> {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let names = folders.split('/').chain([stem]).filter(|name| !name.is_empty());
    names.flat_map(|name| [name.to_owned(), name.replace('-', "_")]).collect()
}

struct Reader<'t> {
    language: Language,
    text: &'t str,
    found: Definitions,
    /// Fields that are made by assigning to `self.name`: only the first assignment defines.
    members: HashSet<(usize, String)>,
}

/// What holds the nodes below one node.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// Nodes above the one that made it.
    depth: usize,
    container: Option<usize>,
    /// The container that is the nearest class.
    class: Option<usize>,
    in_function: bool,
}

impl<'t> Reader<'t> {
    /// Every node in the order of the text, without recursion: files may be nested as deep as they are long.
    fn walk(&mut self, tree: &'t Tree) {
        let mut cursor = tree.walk();
        let mut above: Vec<&str> = Vec::new();
        let mut frames = Vec::new();
        loop {
            let node = cursor.node();
            let frame = frames.last().copied().unwrap_or_default();
            if node.is_named()
                && let Some(below) = self.enter(node, above.last().copied().unwrap_or_default(), frame)
            {
                frames.push(Frame { depth: above.len(), ..below });
            }
            above.push(node.kind());
            if cursor.goto_first_child() {
                continue;
            }
            loop {
                above.pop();
                frames.pop_if(|frame| frame.depth == above.len());
                if cursor.goto_next_sibling() {
                    break;
                }
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }

    /// Records what a node defines. `Some`: it holds the nodes below it.
    fn enter(&mut self, node: Node<'t>, parent: &str, frame: Frame) -> Option<Frame> {
        match kinds::found(self.language, node, parent, frame.in_function, self.text) {
            Found::Nothing => None,
            Found::Names(names) => {
                for name in names {
                    self.define(node, name, frame.container);
                }
                None
            }
            Found::Holder(name) => {
                self.define(node, name, frame.container);
                let container = self.hold(kinds::text(name, self.text)?, None, frame.container)?;
                Some(Frame { container: Some(container), ..frame })
            }
            Found::Class(name) => {
                self.define(node, name, frame.container);
                let container = self.hold(kinds::text(name, self.text)?, None, frame.container);
                Some(Frame { container, class: container, in_function: false, ..frame })
            }
            Found::Function(name) => {
                self.define(node, name, frame.container);
                let container = self.hold(kinds::text(name, self.text)?, None, frame.container);
                Some(Frame { container, in_function: true, ..frame })
            }
            Found::Unnamed => Some(Frame { in_function: true, ..frame }),
            Found::Impl { name, alias } => {
                let container = self.hold(name, alias, frame.container);
                Some(Frame { container, class: container, in_function: false, ..frame })
            }
            Found::Method { receiver, name } => {
                let container = self.hold(receiver, None, frame.container);
                self.define(node, name, container);
                Some(Frame { container, in_function: true, ..frame })
            }
            Found::Member(name) => {
                if let (Some(class), Some(text)) = (frame.class, kinds::text(name, self.text))
                    && self.members.insert((class, text.to_owned()))
                {
                    self.define(node, name, Some(class));
                }
                None
            }
            Found::Property { object, name } => {
                let container = object.and_then(|object| self.hold(object, None, frame.container));
                self.define(node, name, container.or(frame.container));
                None
            }
        }
    }

    fn define(&mut self, node: Node<'t>, name: Node<'t>, container: Option<usize>) {
        let Some(text) = kinds::text(name, self.text) else { return };
        self.found.all.push(Definition {
            name: text.to_owned(),
            lines: node.start_position().row + 1..=node.end_position().row + 1,
            line: name.start_position().row + 1,
            container,
        });
    }

    fn hold(&mut self, name: &str, alias: Option<&str>, parent: Option<usize>) -> Option<usize> {
        self.found.containers.push(Container { name: name.to_owned(), alias: alias.map(str::to_owned), parent });
        self.found.containers.len().checked_sub(1)
    }
}
