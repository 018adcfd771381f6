//! XML, read as a tree. No document type, so no entities of its own; names are compared without
//! their namespaces, because writers differ in them.

use roxmltree::{Document, Node, ParsingOptions};

use crate::refusal::Refusal;

/// The most elements and texts in a document: a token of a seed file has forty.
const MAX_NODES: u32 = 2_000_000;

/// Parses a document. The parser's own complaint could repeat what it read, so only the place in it is
/// kept.
pub(crate) fn parse<'a>(bytes: &'a [u8], expected: &str) -> Result<Document<'a>, Refusal> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Refusal::whole(format!("the file is not UTF-8 text; expected {expected}")))?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| {
        let reason = match error {
            roxmltree::Error::DtdDetected => "a document type is not accepted",
            roxmltree::Error::NodesLimitReached => "the document has too many elements",
            _ => "this is not well-formed XML; was the file cut off?",
        };
        Refusal::whole(format!(
            "line {}: {reason} Expected {expected}",
            error.pos().row
        ))
    })
}

/// The child elements of this name.
pub(crate) fn children<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The first child element of this name.
pub(crate) fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// The element at the end of a path of names.
pub(crate) fn at<'a, 'i: 'a>(node: Node<'a, 'i>, path: &[&'static str]) -> Option<Node<'a, 'i>> {
    path.iter().try_fold(node, |node, name| child(node, name))
}

/// The text of the first child element of this name.
pub(crate) fn text<'a>(node: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    child(node, name).and_then(|child| child.text())
}
