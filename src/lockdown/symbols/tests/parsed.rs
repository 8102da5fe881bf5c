//! Definitions as the grammars give them.

use super::super::*;

fn read(path: &str, text: &str) -> Definitions {
    definitions(path, text).unwrap_or_else(|| panic!("{path} cannot be read: {}", &text[..text.len().min(100)]))
}

/// `name first-last`, one definition on each line; `@line` where the name stands on another than the first.
fn listed(path: &str, text: &str) -> String {
    let definitions = read(path, text);
    let mut lines = String::new();
    for definition in &definitions.all {
        let (first, last) = definition.lines.clone().into_inner();
        let at = if definition.line == first { String::new() } else { format!(" @{}", definition.line) };
        let span = if first == last { first.to_string() } else { format!("{first}-{last}") };
        lines.push_str(&format!("{} {span}{at}\n", definitions.qualified(definition, ".")));
    }
    lines
}

#[track_caller]
fn check(paths: &[&str], text: &str, expected: &str) {
    for path in paths {
        let expected: String =
            expected.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
        assert_eq!(listed(path, text), expected, "{path}");
        assert_eq!(listed(path, &text.replace('\n', "\r\n")), expected, "{path} with CRLF");
    }
}

#[test]
fn rust() {
    let text = "\
mod inner { pub const A: u8 = 1; static B: &str = \"fn not() {}\"; } // fn nor() {}
/// Not part of it.
#[derive(Clone)]
pub struct Runner<'a, T> {
    pub limit: u64,
    r#type: &'a T,
}
pub struct Pair(u8, u8);
enum Shape { Dot, Line { length: f32 }, Many(Vec<u8>) }
union Bits { a: u8 }
trait Way { type Out; const N: usize; fn go(&self); fn also(&self) { let x = || { fn deep() {} }; } }
impl<'a, T> Way for Runner<'a, T> { type Out = u8; fn go(&self) {} }
impl<T> some::Runner<T> {
    #[inline]
    pub async fn run(&self) -> u8
    where
        T: Copy,
    {
        const LOCAL: u8 = 1;
        let x = 1;
        LOCAL + x
    }
}
impl dyn Way { fn shared() {} }
impl From<&Pair> for &'static mut Runner<'_, u8> { fn from() {} }
type Alias = u8;
macro_rules! reasons { ($x:ident) => { fn $x() {} } }
pub use inner::A as Z;
const _: () = ();
extern \"C\" { fn outside(a: u8); }
";
    check(
        &["src/a.rs"],
        text,
        "inner 1; inner.A 1; inner.B 1
            Runner 4-7; Runner.limit 5; Runner.type 6
            Pair 8
            Shape 9; Shape.Dot 9; Shape.Line 9; Shape.Line.length 9; Shape.Many 9
            Bits 10; Bits.a 10
            Way 11; Way.Out 11; Way.N 11; Way.go 11; Way.also 11; Way.also.deep 11
            Runner.Out 12; Runner.go 12
            Runner.run 15-22; Runner.run.LOCAL 19
            Way.shared 24; Runner.from 25
            Alias 26; reasons 27; outside 30",
    );
}

const SCRIPT: &str = "\
import { x, y as why } from './z';
export const LIMIT = 3, tool = { get(a) { return 1 }, 'x-y': { deep: 1 }, [why]: 2, run: () => { const no = 1; } };
export const { a, b: c, d: [e], f = 1, ...rest } = x;
let [g, , h] = x;
export default class Widget extends Base {
  #hidden = 1;
  static MAX = 2;
  constructor(plain) { this.made = 1; this.made = 2; other.no = 1 }
  async run() {
    const inner = () => {};
    const no = 1;
    function nested() {}
  }
  get size() { return 1 }
  'quoted-name'() {}
  ['computed']() {}
}
export { a as renamed, c };
exports.old = function () {};
module.exports.older = 1;
Widget.prototype.late = function () {};
module.exports = { foo() {} };
const fun = async function named() {};
function* gen() { yield 1 }
if (x) { var inBlock = 1 }
call(() => { const no = { no: 1 }; const yes = () => 1 });
";

const SCRIPTED: &str = "\
        LIMIT 2; tool 2; tool.get 2; tool.x-y 2; tool.x-y.deep 2; tool.run 2
        a 3; c 3; e 3; f 3; rest 3; g 4; h 4
        Widget 5-17; Widget.hidden 6; Widget.MAX 7; Widget.constructor 8; Widget.made 8
        Widget.run 9-13; Widget.run.inner 10; Widget.run.nested 12
        Widget.size 14; Widget.quoted-name 15
        renamed 18; old 19; older 20; Widget.late 21; foo 22; fun 23; gen 24; inBlock 25; yes 26";

#[test]
fn javascript_and_what_typescript_shares_with_it() {
    check(&["a.js", "a.mjs", "a.cjs", "a.jsx", "a.ts", "a.mts", "a.cts", "a.tsx"], SCRIPT, SCRIPTED);
    check(
        &["a.jsx", "a.tsx"],
        "export const View = () => <a b={1}>{x.map(y => <c/>)}</a>;\nconst Memo = memo(function () { const onClick = () => 1; return <a/> });\n",
        "View 1; Memo 2; Memo.onClick 2",
    );
}

#[test]
fn typescript() {
    let text = "\
export interface Options {
  depth: number; nested: { below: string };
  call(x: number): void; (x: string): void; [key: string]: any
}
export type Mode = { kind: 'a' } | 'b';
export enum Color { Red, Green = 'g', 'Dark-Blue' }
abstract class Shape { private readonly x?: number; abstract area(): number; constructor(private dep: Dep, readonly r = 1, no: string) {} }
namespace Space { export function within() {} namespace Deep { const q = 1 } }
declare module 'pkg' { export function typed(): void }
export function over(a: string): void;
export function over(a: any) {}
declare const ambient: number;
";
    check(
        &["a.ts", "a.tsx", "a.d.ts"],
        text,
        "Options 1-4; Options.depth 2; Options.nested 2; Options.nested.below 2; Options.call 3
            Mode 5; Mode.kind 5
            Color 6; Color.Red 6; Color.Green 6; Color.Dark-Blue 6
            Shape 7; Shape.x 7; Shape.area 7; Shape.constructor 7; Shape.dep 7; Shape.r 7
            Space 8; Space.within 8; Space.Deep 8; Space.Deep.q 8
            pkg 9; pkg.typed 9; over 10; over 11; ambient 12",
    );
}

#[test]
fn python() {
    let text = "\
\"\"\"def no(): pass\"\"\"
from x import y as z
LIMIT: int = 3
A, (B, *C) = 1, (2, 3)
type Alias[T] = list[T]
type Plain = int
if LIMIT:
    COND = OTHER = 1

@decorator
async def run(x, *, y=1):
    local = 1
    def nested(): pass
    return local

class Runner(Base):
    limit = 1
    other: str
    class Meta:
        x = 1
    def __init__(self):
        self.made = 1
        self.made = 2
        self.a.b = 3
    @property
    def size(self):
        return lambda q: q

class Color(Enum):
    RED = 1
";
    check(
        &["a.py", "a.pyi"],
        text,
        "LIMIT 3; A 4; B 4; C 4; Alias 5; Plain 6; COND 8; OTHER 8
            run 11-14; run.nested 13
            Runner 16-27; Runner.limit 17; Runner.other 18; Runner.Meta 19-20; Runner.Meta.x 20
            Runner.__init__ 21-24; Runner.made 22; Runner.size 26-27
            Color 29-30; Color.RED 30",
    );
}

#[test]
fn go() {
    let text = "\
package main

const (
\tA = iota
\tB
\tC, D = 1, 2
)

var X, Y int = 1, 2
var Z = func() { var no = 1 }

type Runner[T any] struct {
\tLimit, Other int
\t*Base
\tpkg.Embedded
}
type (
\tWay interface { Go(x int) error }
\tAlias = int
)

func Run(a int) {
\ttype Local struct{ q int }
\tx := 1
\tvar no = x
}
func (r *Runner[T]) Stop() error { return nil }
func (Alias) Value() {}
";
    check(
        &["a.go"],
        text,
        "A 4; B 5; C 6; D 6; X 9; Y 9; Z 10
            Runner 12-16; Runner.Limit 13; Runner.Other 13; Runner.Base 14; Runner.Embedded 15
            Way 18; Way.Go 18; Alias 19
            Run 22-26; Run.Local 23; Run.Local.q 23
            Runner.Stop 27; Alias.Value 28",
    );
}

#[test]
fn a_symbol_is_found_however_it_is_written() {
    let text = "\
mod inner { pub struct Runner; impl super::Way for Runner { fn run() {} } }
impl Other { fn run() {} }
fn run() {}
// walk
";
    let definitions = read("crates/my-tool/src/gate/runner.rs", text);
    assert!(definitions.is_whole);
    for (symbol, lines) in [
        ("run", vec![1, 2, 3]),
        ("run()", vec![1, 2, 3]),
        ("#run", vec![1, 2, 3]),
        ("Runner::run", vec![1]),
        ("Runner.run", vec![1]),
        ("Runner#run()", vec![1]),
        ("Way::run", vec![1]),
        ("inner::Runner::run", vec![1]),
        ("Other::run", vec![2]),
        ("crate::gate::runner::run", vec![3]),
        ("gate::runner::Other::run", vec![2]),
        ("my_tool::gate::runner::inner::Runner", vec![1]),
        ("package::gate::runner::Other::run", vec![2]),
        // What is implemented is not defined.
        ("Other", vec![]),
        ("Self::run", vec![1, 2, 3]),
        ("Elsewhere::run", vec![]),
        ("gate::Elsewhere::run", vec![]),
        ("inner::run", vec![]),
        ("walk", vec![]),
        ("Run", vec![]),
    ] {
        let found: Vec<usize> = definitions.find(symbol).iter().map(|definition| definition.line).collect();
        assert_eq!(found, lines, "{symbol}");
    }
    assert!(matches!(look(Some(&definitions), text, "Runner::run"), Sighting::Defined(found) if found.len() == 1));
    assert_eq!(look(Some(&definitions), text, "walk"), Sighting::Mentioned(vec![4]));
    assert_eq!(look(Some(&definitions), text, "Elsewhere::run"), Sighting::Mentioned(vec![1, 2, 3]));
    assert_eq!(look(Some(&definitions), text, "stroll"), Sighting::Absent);
}

#[test]
fn a_file_with_mistakes_gives_what_can_be_read() {
    for (path, text) in [
        ("a.rs", "fn broken( {\nfn after() {}\n"),
        ("a.ts", "class { x\nfunction after() {}\n"),
        ("a.py", "def broken(:\n    pass\ndef after(): pass\n"),
        ("a.go", "package a\nfunc broken( {\n}\nfunc after() {}\n"),
    ] {
        let definitions = read(path, text);
        assert!(!definitions.is_whole, "{path}");
        assert!(!definitions.find("after").is_empty(), "{path}");
    }
    for text in ["", "\u{feff}", "\0\0", "\u{feff}fn after() {}"] {
        assert_eq!(read("a.rs", text).find("after").len(), usize::from(text.contains("after")), "{text:?}");
    }
}

#[test]
fn depth_costs_no_stack_and_no_square() {
    let text = format!("{}fn innermost() {{}}{}", "mod a { ".repeat(900), "}".repeat(900));
    let definitions = read("a.rs", &text);
    assert_eq!(definitions.find("a::a::a::innermost").len(), 1);
    assert_eq!(definitions.all.len(), 901);
    let shown = definitions.qualified(definitions.find("innermost")[0], "::");
    assert_eq!(shown.matches("a::").count(), MOST_CONTAINERS);
    // Nesting that needs no brackets.
    let text: String = (0..500).map(|depth| format!("{}class A:\n", " ".repeat(depth))).collect();
    assert_eq!(read("a.py", &text).all.len(), 500);
}

#[test]
fn hostile_files_are_given_up() {
    let size = LARGEST / 3;
    for (path, text) in [
        ("a.rs", "fn a() {}\n".repeat(LARGEST / 10 + 1)),
        // Depth: a kilobyte of memory for each byte.
        ("a.go", "a[".repeat(size / 2)),
        ("a.rs", "mod a{".repeat(size / 6)),
        // Read to the end again and again.
        ("a.rs", "r#\"".repeat(size / 3)),
        ("a.js", "a /* \n".repeat(size / 6)),
        ("a.py", "\\\n".repeat(size / 2)),
        // Every reading of it is tried.
        ("a.rs", "a<b,".repeat(size / 4)),
    ] {
        assert!(definitions(path, &text).is_none(), "{path}: {}", &text[..10]);
    }
    // What is merely large is not.
    let text = "/// Comment.\npub fn a(b: u8) -> Vec<u8> { vec![b, \"(((\".len()] }\n".repeat(250);
    assert_eq!(read("a.rs", &text).all.len(), 250);
}
