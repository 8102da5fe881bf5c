//! Links that are none of the tree, but of the site that is made of it: `page.html` or `page/` for `page.md`, paths from the
//! site's root, and paths from a page that is served as a folder.
//!
//! A site is where a generator's configuration lies. How it serves its pages is not asked further: that there is such a page
//! in the tree is enough to say that the link may be right. Deliberately absent: the headings of such pages, whose anchors
//! each generator makes its own way.

use super::index::{Index, normal};
use crate::tree::TreeEntry;

/// Files that configure a generator, by the beginning of their name: mdBook, MkDocs, Hugo, Docusaurus, VitePress, Jekyll,
/// Astro, Sphinx, Antora, VuePress, Eleventy, Gatsby.
const CONFIGURATIONS: &[&str] = &[
    "book.toml",
    "mkdocs.yml",
    "mkdocs.yaml",
    "hugo.toml",
    "hugo.yaml",
    "docusaurus.config.",
    "_config.yml",
    "astro.config.",
    "conf.py",
    "antora.yml",
    ".eleventy.",
    "eleventy.config.",
    "gatsby-config.",
];

/// The folders, from the root, whose documents a site is made of.
pub fn roots(entries: &[TreeEntry]) -> Vec<String> {
    let mut roots = Vec::new();
    for entry in entries {
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        let hugo = matches!(name, "config.toml" | "config.yaml" | "config.yml") && {
            let content = if folder.is_empty() { "content/".to_owned() } else { format!("{folder}/content/") };
            let at = entries.partition_point(|entry| entry.path.as_str() < content.as_str());
            entries.get(at).is_some_and(|entry| entry.path.starts_with(&content))
        };
        let own = [(".vitepress", "config."), (".vuepress", "config."), ("config/_default", "hugo."), ("config/_default", "config.")];
        let inner = own.iter().filter(|(_, file)| name.starts_with(file)).find_map(|(own, _)| folder.strip_suffix(own));
        match inner {
            Some(outer) if outer.is_empty() || outer.ends_with('/') => roots.push(outer.trim_end_matches('/').to_owned()),
            _ if hugo || CONFIGURATIONS.iter().any(|known| name.starts_with(known)) => roots.push(folder.to_owned()),
            _ => {}
        }
    }
    roots
}

/// Whether a document belongs to one of these sites.
pub fn holds(roots: &[String], file: &str) -> bool {
    roots.iter().any(|root| root.is_empty() || file.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/')))
}

/// What a generator may serve a path from, beside the file of this name.
const ENDS: &[&str] = &[".md", ".mdx", ".markdown", "/index.md", "/_index.md", "/README.md", "/index.html", ".html"];

/// Whether a page of the tree may be served at this destination. `file`: the document; `path`: as it writes it, decoded.
pub fn may_serve(index: &Index, file: &str, path: &str) -> bool {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let mut targets = Vec::new();
    if let Some(path) = path.strip_prefix('/') {
        // The root of the site is some folder around the document.
        let around = std::iter::successors(Some(folder), |folder| folder.rsplit_once('/').map(|(parent, _)| parent));
        targets.extend(around.chain([""]).filter_map(|root| normal(root, path)));
    } else {
        targets.extend(normal(folder, path));
        targets.extend(normal(&format!("{folder}/{stem}"), path));
    }
    targets.iter().filter(|target| !target.is_empty()).any(|target| {
        let page = target.strip_suffix(".html").or(target.strip_suffix(".htm")).unwrap_or(target);
        let folder = page.strip_suffix("/index").or(page.strip_suffix("/README")).unwrap_or(page);
        index.is_there(target) || [page, folder].iter().any(|page| ENDS.iter().any(|end| index.is_there(&format!("{page}{end}"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{MapTree, Tree};

    #[test]
    fn sites_are_where_a_generator_is_configured() {
        let files = [
            "a/book.toml",
            "b/.vitepress/config.mts",
            "c/config.toml",
            "c/content/x.md",
            "d/config.toml",
            "e/docs/mkdocs.yml",
            "f/config/_default/hugo.yaml",
        ];
        let tree = MapTree::new(files.iter().map(|path| ((*path).to_owned(), Vec::new())).collect());
        let roots = roots(tree.entries().unwrap());
        assert_eq!(roots, ["a", "b", "c", "e/docs", "f"]);
        let of = |file: &str| holds(&roots, file);
        assert!(of("a/src/x.md") && of("b/x.md") && of("c/content/x.md") && of("e/docs/x.md"));
        assert!(!of("d/x.md") && !of("README.md") && !of("ab/x.md") && !of("e/x.md"));
        assert!(holds(&[String::new()], "x.md"));
    }

    #[test]
    fn pages_are_found_whatever_a_generator_makes_of_their_names() {
        let files = ["docs/index.md", "docs/guide/start.md", "docs/guide/other.mdx", "docs/ref/_index.md", "docs/a.png", "book/ch01.md"];
        let tree = MapTree::new(files.iter().map(|path| ((*path).to_owned(), Vec::new())).collect());
        let index = Index::new(&tree).unwrap();
        for (path, expected) in [
            ("other.html", true),
            ("other", true),
            ("other/", true),
            ("./other.html", true),
            ("/guide/other", true),
            ("/ref/", true),
            ("/ref/index.html", true),
            ("/a.png", true),
            // `start.md` is served as `start/`.
            ("../other/", true),
            ("../../ref", true),
            ("../../../book/ch01.html", true),
            ("gone.html", false),
            ("/gone", false),
            ("/book", true),
            ("../../../../other", false),
            ("..", true),
            ("/", true),
        ] {
            assert_eq!(may_serve(&index, "docs/guide/start.md", path), expected, "{path}");
        }
        assert!(!may_serve(&index, "README.md", "/guide/other"), "no folder around it is a root");
    }
}
