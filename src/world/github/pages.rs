//! Lists, to their end: an answer that lacks a page is no answer.

use super::{Answer, Failure, GitHub, transport::Call};
use crate::{
    domain::{Span, Timestamp},
    gate::probe::{Unavailable, why},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeSet;

/// What GitHub gives at most.
const PER_PAGE: &str = "100";

/// More than this is no list that anybody meant.
const MOST_PAGES: usize = 100;

/// A list takes no longer, whatever its single pages wait for.
const LONGEST: Span = Span::minutes(5);

/// A list inside an object: its length is told beside it.
pub(super) trait Wrapped: DeserializeOwned {
    type Item;
    fn total(&self) -> u64;
    fn items(self) -> Vec<Self::Item>;
}

impl GitHub {
    /// Every item of a list.
    pub(super) async fn list<T: DeserializeOwned>(&self, call: Call) -> Answer<Vec<T>> {
        let mut items = Vec::new();
        self.each_page(call, |page: Vec<T>| {
            items.extend(page);
            Ok(())
        })
        .await?;
        Ok(items)
    }

    /// Every item of a list that stands in an object. Another number than was announced: unreadable.
    pub(super) async fn list_in<W: Wrapped>(&self, call: Call) -> Answer<Vec<W::Item>> {
        let (mut items, mut total) = (Vec::new(), 0);
        self.each_page(call, |page: W| {
            total = page.total();
            items.extend(page.items());
            Ok(())
        })
        .await?;
        all_of(items, total)
    }

    fn in_time(&self, until: Timestamp) -> Answer<()> {
        match self.transport.now() <= until {
            true => Ok(()),
            false => Err(Failure::connection(Unavailable::new(why::TIMEOUT).detail(format!("no whole list within {LONGEST}")))),
        }
    }

    async fn each_page<P: DeserializeOwned>(&self, call: Call, mut take: impl FnMut(P) -> Answer<()>) -> Answer<()> {
        let mut call = call.query("per_page", PER_PAGE);
        let mut seen = BTreeSet::new();
        let until = self.transport.now().plus(LONGEST);
        for _ in 0..MOST_PAGES {
            self.in_time(until)?;
            if !seen.insert(call.query_text().to_owned()) {
                return Err(Failure::unreadable("GitHub's list names a page as the next that was read before"));
            }
            let reply = self.send(call.clone()).await?;
            take(reply.json()?)?;
            match reply.header_list("link").map(|link| next_query(&link)).transpose()?.flatten() {
                // The path is ours: GitHub may name the repository by number in its own.
                Some(query) => call = call.with_query(&query),
                None => return Ok(()),
            }
        }
        Err(Failure::unreadable(format!("GitHub's list has more than {MOST_PAGES} pages")))
    }
}

/// Too many are a page that came twice, which may have taken the place of another.
fn all_of<T>(items: Vec<T>, total: u64) -> Answer<Vec<T>> {
    if items.len() as u64 == total {
        return Ok(items);
    }
    Err(Failure::unreadable(format!("GitHub announced {total} items and gave {}", items.len())))
}

/// The query of the next page; `None`: this is the last one. The header is that of RFC 8288. GitHub names the last page on every page
/// but the last, so a list that names it and no next one is not understood.
fn next_query(link: &str) -> Answer<Option<String>> {
    let (mut rest, mut has_last) = (link.trim(), false);
    while !rest.is_empty() {
        let odd = || Failure::unreadable("GitHub's answer does not tell which page is the next");
        let (url, after) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or_else(odd)?;
        let mut quoted = false;
        let end = after.find(|c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let (parameters, left) = end.map_or((after, ""), |end| (&after[..end], &after[end + 1..]));
        rest = left.trim_start_matches([' ', '\t', ',']);
        let relations = parameters.split(';').filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        let relations: Vec<String> = relations.flat_map(|words| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
        if relations.iter().any(|relation| relation == "next") {
            let query = reqwest::Url::parse(url).ok().and_then(|url| url.query().map(str::to_owned));
            return query.map(Some).ok_or_else(|| Failure::unreadable("GitHub's answer names a next page that is no URL"));
        }
        has_last |= relations.iter().any(|relation| relation == "last");
    }
    if has_last {
        return Err(Failure::unreadable("GitHub's answer names a last page, and no way to it"));
    }
    Ok(None)
}

/// A page of a GraphQL connection.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection<T> {
    pub total_count: u64,
    pub nodes: Vec<T>,
    pub page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub has_next_page: bool,
    pub end_cursor: Option<String>,
}

impl GitHub {
    /// Every node of a connection: `ask` is given the cursor of the page before.
    pub(super) async fn connection<T, F: Future<Output = Answer<Connection<T>>>>(
        &self,
        ask: impl Fn(Option<String>) -> F,
    ) -> Answer<Vec<T>> {
        let (mut items, mut seen, mut cursor) = (Vec::new(), BTreeSet::new(), None);
        let until = self.transport.now().plus(LONGEST);
        for _ in 0..MOST_PAGES {
            self.in_time(until)?;
            let page = ask(cursor).await?;
            items.extend(page.nodes);
            if !page.page_info.has_next_page {
                return all_of(items, page.total_count);
            }
            let Some(next) = page.page_info.end_cursor.filter(|next| seen.insert(next.clone())) else {
                return Err(Failure::unreadable("GitHub's list has a next page, and no way to it"));
            };
            cursor = Some(next);
        }
        Err(Failure::unreadable(format!("GitHub's list has more than {MOST_PAGES} pages")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_what_the_header_says() {
        let next = |link: &str| next_query(link).map_err(|failure| failure.to_string());
        let list = "<https://api.example.com/repositories/1/pulls?per_page=100&page=2>; rel=\"next\", <https://x.example.com/?page=9>; rel=\"last\"";
        assert_eq!(next(list), Ok(Some("per_page=100&page=2".to_owned())));
        assert_eq!(next("<https://x.example.com/?page=1>; rel=\"prev\", <https://x.example.com/?page=1>; rel=\"first\""), Ok(None));
        let two = Ok(Some("page=2".to_owned()));
        for header in [
            "<https://x.example.com/?page=2>; rel=\"next\",<https://x.example.com/?page=9>; rel=\"last\"",
            "<https://x.example.com/?page=9>; rel=\"last\", <https://x.example.com/?page=2>; rel=\"next\"",
            "<https://x.example.com/?page=2>; rel=\"Next\"",
            "<https://x.example.com/?page=2>; Rel=next",
            "<https://x.example.com/?page=2>; title=\"a, b\"; rel = \"next last\"",
        ] {
            assert_eq!(next(header), two, "{header}");
        }
        assert!(next("<https://x.example.com/?page=1>; rel=\"prev\", <https://x.example.com/?page=9>; rel=\"last\"").is_err());
        assert!(next("nonsense").is_err());
        assert!(next("<https://x.example.com/>; rel=\"next\"").is_err());
    }
}
