//! Where a repository's API is.

use super::{Answer, Failure};
use crate::{lockdown::urls::Origin, world::EnvVars};
use reqwest::Url;

/// The API of one host, and one repository there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Without a trailing slash: `https://api.github.com`, `https://github.example.com/api/v3`.
    pub api: Url,
    pub graphql: Url,
    pub owner: String,
    pub name: String,
}

const GITHUB: &str = "github.com";

fn given(env: &EnvVars, name: &str) -> Option<String> {
    env.get(name).filter(|value| !value.is_empty())
}

impl Place {
    /// `https://HOST`, with its port where it has one of its own.
    pub(super) fn server(env: &EnvVars) -> Answer<String> {
        match given(env, "GITHUB_SERVER_URL") {
            Some(url) => Ok(url_of("GITHUB_SERVER_URL", &url)?.origin().ascii_serialization()),
            None => Ok(format!("https://{GITHUB}")),
        }
    }

    /// The host of `GITHUB_SERVER_URL`, or `github.com` where it is not set. GitHub sets it in its workflows; elsewhere it is set by
    /// hand for GitHub Enterprise Server. `GITHUB_API_URL` and `GITHUB_GRAPHQL_URL` belong to it.
    pub(super) fn of(origin: &Origin, env: &EnvVars) -> Answer<Place> {
        let Some((owner, name)) = origin.name.split_once('/') else {
            return Err(Failure::elsewhere(format!("`{}` is not the name of a repository", origin.name)));
        };
        let given = |name: &str| given(env, name);
        let server = match given("GITHUB_SERVER_URL") {
            Some(url) => Some(url_of("GITHUB_SERVER_URL", &url)?),
            None => None,
        };
        // An address without a port may be one of SSH, which names the host alone.
        let (host, port) = origin.host.split_once(':').map_or((origin.host.as_str(), None), |(host, port)| (host, Some(port)));
        let own_port = |server: &Url| server.port().map(|port| port.to_string());
        let is_there = |server: &Url| server.host_str() == Some(host) && port.is_none_or(|port| own_port(server).as_deref() == Some(port));
        let is_ours = server.as_ref().is_some_and(is_there);
        let (api, graphql) = match &server {
            Some(server) if is_ours => {
                let default = |path: &str| match origin.host.as_str() {
                    GITHUB => format!("https://api.github.com{}", path.strip_prefix("/api/v3").unwrap_or("/graphql")),
                    _ => format!("{}{path}", server.as_str().trim_end_matches('/')),
                };
                let api = given("GITHUB_API_URL").unwrap_or_else(|| default("/api/v3"));
                (api, given("GITHUB_GRAPHQL_URL").unwrap_or_else(|| default("/api/graphql")))
            }
            None if origin.host == GITHUB => ("https://api.github.com".to_owned(), "https://api.github.com/graphql".to_owned()),
            _ => {
                let told = match &server {
                    Some(server) => {
                        let port = own_port(server).map_or_else(String::new, |port| format!(":{port}"));
                        format!("GITHUB_SERVER_URL names {}{port}", server.host_str().unwrap_or_default())
                    }
                    None => "GITHUB_SERVER_URL is not set".to_owned(),
                };
                let words = format!("the remote is on {}, and {told}; nothing is sent to a host that only the remote names", origin.host);
                return Err(Failure::elsewhere(words));
            }
        };
        let api = url_of("GITHUB_API_URL", &api)?;
        let graphql = url_of("GITHUB_GRAPHQL_URL", &graphql)?;
        Ok(Place { api, graphql, owner: owner.to_owned(), name: name.to_owned() })
    }
}

/// A URL that a token may be sent to.
fn url_of(variable: &str, text: &str) -> Answer<Url> {
    // The text is not shown: whatever was put into the variable may stand there.
    let wrong = |why: &str| Err(Failure::elsewhere(format!("{variable} {why}")));
    let Ok(url) = Url::parse(text) else { return wrong("is not a URL") };
    let Some(host) = url.host_str() else { return wrong("names no host") };
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let is_loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return wrong("is neither https nor on this machine, and a token would travel in plain text");
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return wrong("has more than a host and a path");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(remote: &str, variables: &[(&str, &str)]) -> String {
        let Some(origin) = Origin::of_remote(remote) else { return "no forge".to_owned() };
        match Place::of(&origin, &EnvVars::of(variables.iter().copied())) {
            Ok(place) => format!("{} {} {}/{}", place.api, place.graphql, place.owner, place.name),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn a_host_is_asked_where_the_environment_says_so() {
        let server = |url| ("GITHUB_SERVER_URL", url);
        let api = |url| ("GITHUB_API_URL", url);
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: &[Case] = &[
            ("git@github.com:acme/shop.git", &[], "https://api.github.com/ https://api.github.com/graphql acme/shop"),
            (
                "https://github.com/acme/shop",
                &[server("https://github.com")],
                "https://api.github.com/ https://api.github.com/graphql acme/shop",
            ),
            (
                "https://github.com/acme/shop",
                &[server("https://github.com"), api("https://api.github.com")],
                "https://api.github.com/ https://api.github.com/graphql acme/shop",
            ),
            (
                "ssh://git@git.example.com/acme/shop.git",
                &[server("https://git.example.com")],
                "https://git.example.com/api/v3 https://git.example.com/api/graphql acme/shop",
            ),
            // Another port is another place; that of SSH says nothing.
            ("https://github.com:8443/acme/shop", &[], "the remote is on github.com:8443, and GITHUB_SERVER_URL is not set"),
            ("https://github.com:443/acme/shop", &[], "https://api.github.com/ https://api.github.com/graphql acme/shop"),
            ("http://git.example.com:443/acme/shop", &[server("https://git.example.com")], "names git.example.com;"),
            (
                "https://git.example.com/acme/shop",
                &[server("https://git.example.com:443")],
                "https://git.example.com/api/v3 https://git.example.com/api/graphql acme/shop",
            ),
            ("https://git.example.com:8443/acme/shop", &[server("https://git.example.com")], "names git.example.com;"),
            ("https://git.example.com:8443/acme/shop", &[server("https://git.example.com:8444")], "names git.example.com:8444;"),
            (
                "https://ann@git.example.com:8443/acme/shop",
                &[server("https://git.example.com:8443")],
                "https://git.example.com:8443/api/v3 https://git.example.com:8443/api/graphql acme/shop",
            ),
            (
                "ssh://git@git.example.com:2222/acme/shop",
                &[server("https://git.example.com:8443")],
                "https://git.example.com:8443/api/v3 https://git.example.com:8443/api/graphql acme/shop",
            ),
            ("https://git.example.com:port/acme/shop", &[server("https://git.example.com")], "no forge"),
            // Whoever writes the remote's URL does not choose who gets the token.
            ("https://evil.example.com/acme/shop", &[], "GITHUB_SERVER_URL is not set"),
            ("https://evil.example.com/acme/shop", &[server("https://github.com")], "names github.com"),
            (
                "https://github.com/acme/shop",
                &[server("https://git.example.com"), api("https://git.example.com/api/v3")],
                "GITHUB_SERVER_URL names git.example.com",
            ),
            ("https://git.example.com/acme/shop", &[server("http://git.example.com")], "plain text"),
            ("https://git.example.com/acme/shop", &[server("https://git.example.com"), api("http://git.example.com")], "plain text"),
            ("https://git.example.com/acme/shop", &[server("https://git.example.com"), api("https://x:y@git.example.com")], "more than"),
            ("https://git.example.com/acme/shop", &[server("::")], "GITHUB_SERVER_URL is not a URL"),
        ];
        for (remote, variables, expected) in cases {
            let found = place(remote, variables);
            assert!(found.contains(expected), "{remote} {variables:?}: {found}");
        }
    }
}
