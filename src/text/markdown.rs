//! Markdown with exact places. The only importer of pulldown-cmark.
