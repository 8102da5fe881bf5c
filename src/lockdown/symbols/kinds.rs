//! Which nodes of which grammar define a name.

use tree_sitter::Node;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rust,
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    JavaScript,
    Python,
    Go,
}

impl Language {
    pub fn of(path: &str) -> Option<Language> {
        let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
        Some(match extension {
            "rs" => Language::Rust,
            "ts" | "mts" | "cts" => Language::TypeScript,
            "tsx" => Language::Tsx,
            "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
            "py" | "pyi" => Language::Python,
            "go" => Language::Go,
            _ => return None,
        })
    }

    pub fn grammar(self) -> tree_sitter::Language {
        match self {
            Language::Rust => tree_sitter_rust::LANGUAGE,
            Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Language::JavaScript => tree_sitter_javascript::LANGUAGE,
            Language::Python => tree_sitter_python::LANGUAGE,
            Language::Go => tree_sitter_go::LANGUAGE,
        }
        .into()
    }
}

/// What a node defines.
pub enum Found<'t> {
    Nothing,
    /// Names that hold nothing.
    Names(Vec<Node<'t>>),
    /// A name that holds others: a module, an enum, an object.
    Holder(Node<'t>),
    /// The same, to whose fields its functions assign.
    Class(Node<'t>),
    /// A name that holds others, with variables that are nobody's business.
    Function(Node<'t>),
    /// A function without a name.
    Unnamed,
    /// What holds definitions of a type that is defined elsewhere.
    Impl {
        name: &'t str,
        alias: Option<&'t str>,
    },
    Method {
        receiver: &'t str,
        name: Node<'t>,
    },
    /// A field of the nearest class, where it is assigned.
    Member(Node<'t>),
    /// A property of an object, where it is assigned.
    Property {
        object: Option<&'t str>,
        name: Node<'t>,
    },
}

/// What this node defines, `parent` being the kind of the node above it.
pub fn found<'t>(language: Language, node: Node<'t>, parent: &str, in_function: bool, text: &'t str) -> Found<'t> {
    let found = match language {
        Language::Rust => rust(node, text),
        Language::TypeScript | Language::Tsx | Language::JavaScript => script(node, parent, in_function, text),
        Language::Python => python(node, in_function, text),
        Language::Go => go(node, in_function, text),
    };
    found.unwrap_or(Found::Nothing)
}

/// The name in a node: of a string key what stands in the quotes, of a private field what follows the `#`. `None`: nothing
/// that anybody could refer to.
pub fn text<'t>(node: Node<'_>, text: &'t str) -> Option<&'t str> {
    let name = text.get(node.byte_range())?.trim_matches(['"', '\'', '#']);
    let name = name.strip_prefix("r#").unwrap_or(name);
    (!matches!(name, "" | "_") && !name.starts_with('[')).then_some(name)
}

fn rust<'t>(node: Node<'t>, text: &'t str) -> Option<Found<'t>> {
    let name = || node.child_by_field_name("name");
    Some(match node.kind() {
        "function_item" | "function_signature_item" => Found::Function(name()?),
        "closure_expression" => Found::Unnamed,
        "struct_item" | "enum_item" | "union_item" | "trait_item" | "mod_item" | "enum_variant" => Found::Holder(name()?),
        "field_declaration" | "const_item" | "static_item" | "type_item" | "associated_type" | "macro_definition" => {
            Found::Names(vec![name()?])
        }
        "impl_item" => {
            let of = node.child_by_field_name("trait").and_then(|of| type_name(of, text));
            Found::Impl { name: type_name(node.child_by_field_name("type")?, text)?, alias: of }
        }
        _ => return None,
    })
}

fn python<'t>(node: Node<'t>, in_function: bool, text: &'t str) -> Option<Found<'t>> {
    let name = || node.child_by_field_name("name");
    Some(match node.kind() {
        "function_definition" => Found::Function(name()?),
        "class_definition" => Found::Class(name()?),
        "lambda" => Found::Unnamed,
        "type_alias_statement" => Found::Names(vec![type_node(node.child_by_field_name("left")?)?]),
        "assignment" => {
            let left = node.child_by_field_name("left")?;
            match left.kind() {
                "attribute" => {
                    let object = left.child_by_field_name("object")?;
                    if !matches!(self::text(object, text)?, "self" | "cls") {
                        return None;
                    }
                    Found::Member(left.child_by_field_name("attribute")?)
                }
                _ if in_function => return None,
                "identifier" => Found::Names(vec![left]),
                "pattern_list" | "tuple_pattern" | "list_pattern" => Found::Names(variables(left)),
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn go<'t>(node: Node<'t>, in_function: bool, text: &'t str) -> Option<Found<'t>> {
    let name = || node.child_by_field_name("name");
    let names = || Found::Names(fields(node, "name"));
    Some(match node.kind() {
        "function_declaration" => Found::Function(name()?),
        "func_literal" => Found::Unnamed,
        "method_declaration" => {
            let receiver = first_of(node.child_by_field_name("receiver")?, "parameter_declaration")?;
            Found::Method { receiver: type_name(receiver.child_by_field_name("type")?, text)?, name: name()? }
        }
        "type_spec" | "type_alias" => Found::Holder(name()?),
        "method_elem" | "method_spec" => Found::Names(vec![name()?]),
        "field_declaration" if name().is_none() => Found::Names(vec![type_node(node.child_by_field_name("type")?)?]),
        "field_declaration" | "const_spec" => names(),
        "var_spec" if !in_function => names(),
        _ => return None,
    })
}

fn script<'t>(node: Node<'t>, parent: &str, in_function: bool, text: &'t str) -> Option<Found<'t>> {
    let name = || node.child_by_field_name("name");
    Some(match node.kind() {
        "function_declaration" | "generator_function_declaration" | "function_signature" => Found::Function(name()?),
        "method_definition" | "method_signature" | "abstract_method_signature" => Found::Function(named_key(name()?)?),
        "arrow_function" | "function_expression" | "generator_function" | "class_static_block" => Found::Unnamed,
        "class_declaration" | "abstract_class_declaration" | "class" => Found::Class(name()?),
        "interface_declaration" | "enum_declaration" | "internal_module" | "module" | "type_alias_declaration" => Found::Holder(name()?),
        "property_signature" => Found::Holder(named_key(name()?)?),
        "public_field_definition" => Found::Names(vec![named_key(name()?)?]),
        "field_definition" => Found::Names(vec![named_key(node.child_by_field_name("property")?)?]),
        "enum_assignment" => Found::Names(vec![name()?]),
        "property_identifier" | "string" if parent == "enum_body" => Found::Names(vec![node]),
        "required_parameter" | "optional_parameter" => {
            let makes_a_field = |child: Node<'_>| matches!(child.kind(), "accessibility_modifier" | "readonly");
            node.children(&mut node.walk()).find(|child| makes_a_field(*child))?;
            Found::Member(node.child_by_field_name("pattern")?)
        }
        "export_specifier" => Found::Names(vec![node.child_by_field_name("alias")?]),
        "pair" if !in_function => Found::Holder(named_key(node.child_by_field_name("key")?)?),
        "variable_declarator" => {
            let name = name()?;
            if in_function && !node.child_by_field_name("value").is_some_and(is_code) {
                return None;
            }
            match name.kind() {
                "identifier" => Found::Holder(name),
                _ => Found::Names(variables(name)),
            }
        }
        "assignment_expression" => assigned(node, in_function, text)?,
        _ => return None,
    })
}

/// `exports.name = …`, `Class.prototype.name = …`, `this.name = …`.
fn assigned<'t>(node: Node<'t>, in_function: bool, text: &'t str) -> Option<Found<'t>> {
    let left = node.child_by_field_name("left").filter(|left| left.kind() == "member_expression")?;
    let (name, mut object) = (left.child_by_field_name("property")?, left.child_by_field_name("object")?);
    if object.kind() == "this" {
        return Some(Found::Member(name));
    }
    if self::text(name, text)? == "exports" || in_function && !node.child_by_field_name("right").is_some_and(is_code) {
        return None;
    }
    if object.kind() == "member_expression" && self::text(object.child_by_field_name("property")?, text)? == "prototype" {
        object = object.child_by_field_name("object")?;
    }
    let last = if object.kind() == "member_expression" { object.child_by_field_name("property")? } else { object };
    let last = matches!(last.kind(), "identifier" | "property_identifier").then(|| self::text(last, text)).flatten();
    Some(Found::Property { object: last.filter(|name| !matches!(*name, "module" | "exports")), name })
}

fn is_code(value: Node<'_>) -> bool {
    matches!(value.kind(), "arrow_function" | "function_expression" | "generator_function" | "class")
}

/// A key that is written out; a computed one is no name.
fn named_key(key: Node<'_>) -> Option<Node<'_>> {
    (key.kind() != "computed_property_name").then_some(key)
}

/// Types within types that are looked into for a name: `&mut a::B<C>`.
const MOST_TYPES: usize = 8;

fn type_name<'t>(node: Node<'t>, text: &'t str) -> Option<&'t str> {
    self::text(type_node(node)?, text)
}

fn type_node(mut node: Node<'_>) -> Option<Node<'_>> {
    for _ in 0..MOST_TYPES {
        node = match node.kind() {
            "type_identifier" | "identifier" | "primitive_type" => return Some(node),
            "scoped_type_identifier" | "qualified_type" => node.child_by_field_name("name")?,
            _ => node.child_by_field_name("type").or_else(|| node.named_child(0))?,
        };
    }
    None
}

fn first_of<'t>(node: Node<'t>, kind: &str) -> Option<Node<'t>> {
    node.named_children(&mut node.walk()).find(|child| child.kind() == kind)
}

/// What a pattern names, in the order of the text.
fn variables(pattern: Node<'_>) -> Vec<Node<'_>> {
    let mut open = vec![pattern];
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" | "shorthand_property_identifier_pattern" => found.push(node),
            // The left side alone: the right one is a default.
            "assignment_pattern" | "object_assignment_pattern" => open.extend(node.child_by_field_name("left")),
            "pattern_list" | "tuple_pattern" | "list_pattern" | "list_splat_pattern" | "object_pattern" | "array_pattern"
            | "pair_pattern" | "rest_pattern" => open.extend(node.named_children(&mut node.walk())),
            _ => {}
        }
    }
    found.sort_by_key(Node::start_byte);
    found
}

fn fields<'t>(node: Node<'t>, field: &str) -> Vec<Node<'t>> {
    node.children_by_field_name(field, &mut node.walk()).filter(|child| child.is_named()).collect()
}
