//! What to do about a server that could not be spoken with, by what git and ssh print in English.
//!
//! The texts only choose better words for a failure that is known by git's exit status, and never decide whether something moved. What
//! is not in the table keeps git's own words. Deliberately absent: what a server says of a refusal (hooks, rules): its own words are
//! shown, and git tells it in the porcelain answer.

/// What is wrong, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    pub what: &'static str,
    pub help: &'static str,
    /// The server answered, and does not do it: to ask again changes nothing.
    pub is_refusal: bool,
}

/// What is said of a server that took too long, before how long that was.
pub(super) const SILENT: &str = "the server said nothing for";
pub(super) const ENDLESS: &str = "the server did not come to an end within";

/// What the first of the texts that is found means. The more exact ones stand first.
pub fn advice(said: &str) -> Option<&'static Advice> {
    let holds = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    TABLE.iter().find(|(texts, _)| holds(texts)).map(|(_, advice)| advice)
}

/// Whether git itself says that the web server answered with a status that refuses; hooks of the server may print anything.
pub fn answers_with_status(said: &str) -> bool {
    let mut own = said.lines().filter(|line| !line.trim_start().starts_with("remote:"));
    own.any(|line| line.contains("RPC failed; HTTP 4") || line.contains("The requested URL returned error: 4"))
}

/// What was printed, on one line, without the sentences that git puts below any failure.
pub fn without_boilerplate(said: &str) -> String {
    let is_own = |line: &&str| !line.is_empty() && !BOILERPLATE.iter().any(|text| line.contains(text));
    let lines: Vec<&str> = said.lines().map(str::trim).filter(is_own).collect();
    if lines.is_empty() { "git said nothing".to_owned() } else { lines.join("; ") }
}

const BOILERPLATE: &[&str] =
    &["Please make sure you have the correct access rights", "and the repository exists.", "Could not read from remote repository."];

const fn failure(what: &'static str, help: &'static str) -> Advice {
    Advice { what, help, is_refusal: false }
}

const fn refusal(what: &'static str, help: &'static str) -> Advice {
    Advice { what, help, is_refusal: true }
}

const TABLE: &[(&[&str], Advice)] = &[
    (&[SILENT, ENDLESS], failure("it gave no whole answer", "ask who runs the server, or try again later")),
    (
        &["REMOTE HOST IDENTIFICATION HAS CHANGED"],
        failure(
            "the server shows another host key than the one that is known here",
            "ask who runs the server whether its key changed; do not go on before you know",
        ),
    ),
    (
        &["Host key verification failed", "No matching host key", "authenticity of host"],
        failure(
            "the server's host key is not known here",
            "compare the key with the one that the host publishes, then add it to ~/.ssh/known_hosts; in CI, write that file in a step before",
        ),
    ),
    (
        &["archived so it is read-only", "repository is archived", "Repository is archived"],
        refusal("the repository is archived, so nothing can be written", "unarchive it on the server, or use another remote"),
    ),
    (
        &["Permission denied (", "Too many authentication failures"],
        refusal(
            "the server accepts none of the SSH keys here",
            "`ssh-add -l` lists the keys of the agent; register the public key of one of them on the server",
        ),
    ),
    (
        &["could not read Username", "could not read Password", "terminal prompts disabled", "No such device or address"],
        failure(
            "the server asks for credentials, and no credential helper gives any (no terminal is asked for a password)",
            "set up a credential helper (`git help credentials`), or use SSH; in CI, give the checkout step a token that stays configured",
        ),
    ),
    (
        &["HTTP 401", "returned error: 401", "Authentication failed", "HTTP Basic: Access denied", "Invalid username or"],
        refusal(
            "the server does not accept these credentials (401)",
            "the token or password is wrong or has expired: replace it where the credential helper, or the workflow, gets it",
        ),
    ),
    (
        &["HTTP 403", "returned error: 403", "Write access to repository not granted", "denied to ", "marked as read only", "deploy key"],
        refusal(
            "these credentials may not do this (403): a token that may only read, or an archived repository",
            "use a token that may write (GitHub Actions: `permissions: contents: write`), and see on the server whether the repository is archived",
        ),
    ),
    (
        &["HTTP 413", "returned error: 413"],
        refusal(
            "the push is larger than the server, or a proxy before it, takes (413)",
            "raise the limit of request bodies there (nginx: `client_max_body_size`), or push over SSH",
        ),
    ),
    (
        &[
            "HTTP 404",
            "returned error: 404",
            "Repository not found",
            "' not found",
            "does not appear to be a git repository",
            "not a git repository",
        ],
        refusal(
            "there is no repository at this address, or these credentials may not see it",
            "compare the address (`git remote get-url --push REMOTE`) with the server's, and see what the credentials may read",
        ),
    ),
    (
        &["HTTP 429", "returned error: 429"],
        failure("the server was asked too often (429)", "wait for as long as the server says, then run again"),
    ),
    (
        &["Could not resolve host", "Name or service not known", "Temporary failure in name resolution", "nodename nor servname"],
        failure(
            "the host's name is not known",
            "compare the host in `git remote get-url --push REMOTE` with the server's name; see whether DNS works here",
        ),
    ),
    (
        &["Connection refused", "Couldn't connect to server", "Could not connect to server"],
        failure(
            "nothing accepts connections at this address",
            "compare host and port in `git remote get-url --push REMOTE`; ask whether the server runs",
        ),
    ),
    (
        &["Connection timed out", "Operation timed out", "Timed out", "No route to host", "Network is unreachable"],
        failure(
            "there is no way to this address",
            "see whether a proxy or VPN is needed here, and whether a firewall lets the connection through",
        ),
    ),
    (
        &[
            "SSL certificate problem",
            "certificate verification failed",
            "certificate has expired",
            "no alternative certificate subject name",
            "SSL_",
            "SSL routines",
            "gnutls",
            "GnuTLS",
        ],
        failure(
            "the connection could not be secured (TLS)",
            "where the certificate is your own authority's, name it with `git config http.sslCAInfo FILE`; else ask who runs the server. Do not switch verification off",
        ),
    ),
    (
        &["HTTP 500", "HTTP 502", "HTTP 503", "HTTP 504", "returned error: 5"],
        failure("the server, or a proxy before it, failed", "run again later, or ask who runs the server"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_git_itself_proves_that_a_push_was_refused() {
        assert!(answers_with_status(
            "error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403\nfatal: the remote end hung up"
        ));
        assert!(!answers_with_status("remote: error: RPC failed; HTTP 403\nfatal: the remote end hung up"));
        assert!(!answers_with_status("remote: checking that the deploy key may write\nfatal: the remote end hung up unexpectedly"));
        assert!(!answers_with_status("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502"));
    }

    #[test]
    fn what_git_and_ssh_print_gets_words_to_act_on() {
        for (said, what, is_refusal) in [
            ("fatal: unable to access 'https://example.com/': The requested URL returned error: 403", "may only read", true),
            (
                "remote: Permission to a/b.git denied to c.\nfatal: unable to access 'https://example.com/': The requested URL returned error: 403",
                "may only read",
                true,
            ),
            ("remote: Write access to repository not granted.", "may only read", true),
            ("ERROR: The key you are authenticating with has been marked as read only.", "may only read", true),
            ("remote: This repository was archived so it is read-only.\nfatal: ... returned error: 403", "archived, so nothing", true),
            ("fatal: Authentication failed for 'https://example.com/'", "(401)", true),
            ("error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413", "(413)", true),
            ("fatal: repository 'https://example.com/x.git/' not found", "no repository at this address", true),
            ("remote: Repository not found.", "no repository at this address", true),
            ("fatal: '../x' does not appear to be a git repository", "no repository at this address", true),
            ("fatal: could not read Username for 'https://example.com': terminal prompts disabled", "no credential helper", false),
            ("Host key verification failed.\nfatal: Could not read from remote repository.", "host key is not known", false),
            ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "another host key", false),
            ("git@example.com: Permission denied (publickey).", "none of the SSH keys", true),
            ("ssh: Could not resolve hostname nowhere.example.com: Name or service not known", "name is not known", false),
            ("fatal: unable to access 'https://x/': Could not resolve host: x", "name is not known", false),
            ("Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server", "nothing accepts connections", false),
            ("ssh: connect to host 127.0.0.1 port 1: Connection refused", "nothing accepts connections", false),
            ("ssh: connect to host x port 22: No route to host", "no way to this address", false),
            ("fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate", "(TLS)", false),
            ("fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none CRLfile: none", "(TLS)", false),
            ("fatal: unable to access 'https://x/': gnutls_handshake() failed: An unexpected TLS packet was received.", "(TLS)", false),
            ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", "a proxy before it, failed", false),
        ] {
            let advice = advice(said).unwrap_or_else(|| panic!("nothing for {said}"));
            assert!(advice.what.contains(what) && advice.is_refusal == is_refusal, "{said}: {advice:?}");
        }
        for said in ["", "fatal: the remote end hung up unexpectedly", "fatal: couldn't find remote ref refs/heads/x"] {
            assert_eq!(advice(said), None, "{said}");
        }
        let said = "ssh: x\n\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
        assert_eq!(without_boilerplate(said), "ssh: x");
    }

    #[test]
    fn nothing_that_is_advised_switches_a_check_off() {
        for (_, advice) in TABLE {
            for word in ["sslVerify", "StrictHostKeyChecking", "--force", "-f ", "known_hosts -R", "network"] {
                assert!(!advice.help.contains(word), "{}", advice.help);
            }
        }
    }
}
