//! GitHub for the tests: [`model`] is a small GitHub on loopback that remembers what is done to it, and [`contract`] holds every
//! exchange with it to what GitHub publishes. So a client and its tests cannot agree on something that GitHub does not do.
//! [`hosted`] is a checkout whose remote is a repository there, and [`served`] serves one to whole workflows.

mod bypass;
mod client;
mod comment;
pub mod contract;
mod documents;
mod events;
mod graphql;
pub mod hosted;
pub mod model;
mod odd;
mod permissions;
mod rulesets;
mod served;
mod settings;
mod tests;
