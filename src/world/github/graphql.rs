//! GraphQL: what REST does not tell. An answer counts only where it names no error and has data.

use super::{Answer, Failure, GitHub, Intent, failure::FailureKind, transport::Call};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Every operation that is sent, for those who hold them against GitHub's schema.
pub const OPERATIONS: &[(&str, &str)] =
    &[("threads", THREADS), ("comments", COMMENTS), ("comment_edits", COMMENT_EDITS), ("viewer", VIEWER)];

/// The review threads of a pull request, a hundred at a time; of each, who began it.
pub(super) const THREADS: &str = include_str!("threads.graphql");

/// The comments of a pull request, with who changed them last.
pub(super) const COMMENTS: &str = include_str!("comments.graphql");

/// Whether a comment was changed, and by whom: REST tells times to the second only, and nobody's name.
pub(super) const COMMENT_EDITS: &str = include_str!("comment_edits.graphql");

/// Who asks. The one question of this sort that the token of an App's installation may ask, too.
pub(super) const VIEWER: &str = include_str!("viewer.graphql");

#[derive(Deserialize)]
struct Envelope {
    data: Option<Value>,
    #[serde(default)]
    errors: Option<Vec<GraphqlError>>,
}

#[derive(Deserialize)]
struct GraphqlError {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl GitHub {
    /// What stands at `pointer` (RFC 6901) of the answer's data. Nothing there: not found.
    pub(super) async fn ask<T: DeserializeOwned>(&self, intent: Intent, operation: &str, variables: Value, pointer: &str) -> Answer<T> {
        let call = Call::at(&self.place.graphql).intent(intent).question(json!({ "query": operation, "variables": variables }));
        let envelope: Envelope = self.send(call).await?.json()?;
        // An empty list of errors is none; a list that cannot be read was refused above.
        if let Some(error) = envelope.errors.as_ref().and_then(|errors| errors.first()) {
            return Err(Failure::of_graphql(error).needing(intent).masked(&self.masks()));
        }
        let mut data = envelope.data.ok_or_else(|| Failure::unreadable("GitHub's answer has neither data nor an error"))?;
        match data.pointer_mut(pointer).map(Value::take) {
            None | Some(Value::Null) => {
                Err(Failure::new(FailureKind::NotFound, "GitHub has no such thing, or does not show it to this token"))
            }
            Some(found) => serde_json::from_value(found)
                .map_err(|error| Failure::unreadable(format!("GitHub's answer is not what its schema says ({:?})", error.classify()))),
        }
    }
}

impl Failure {
    fn of_graphql(error: &GraphqlError) -> Failure {
        let kind = match error.kind.as_deref() {
            Some("NOT_FOUND") => FailureKind::NotFound,
            Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => FailureKind::Forbidden(None),
            Some("RATE_LIMITED" | "RATE_LIMIT") => FailureKind::RateLimited(None),
            _ => FailureKind::Unreadable,
        };
        let said = error.message.as_deref().unwrap_or("without a word");
        Failure::new(kind, format!("GitHub answered with an error: {}", said.split_whitespace().collect::<Vec<_>>().join(" ")))
    }
}
