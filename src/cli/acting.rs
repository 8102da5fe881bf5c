//! Who acts: whoever holds the signing key, or somebody on a forge for whom the holder signs as a mover.
//!
//! Deliberately absent: what a role permits ([`crate::release::policy`]), and who asked on the forge ([`super::comment`]).

use super::{
    Session,
    comment::Asker,
    gather::{self, Place},
};
use crate::{
    attest::Verified as Signed,
    domain::{Actor, ChannelName, Fault, Oid, Reason, Result, Verb, actor::ActorEvidence},
    gate::{Protocol, protocol::KeySource},
    release::{
        chain::{self, Verified},
        policy::{self as rights, Permit},
    },
    world::{apply::Writer, signer::Signer},
};
use std::sync::Arc;

/// The `source` of an entry whose actor wrote it by themselves.
const BY_HAND: &str = "cli";

/// Who acts, and the key that signs.
pub struct Acting {
    pub actor: Actor,
    signer: Option<Signer>,
    /// Who the policy says that the signer is.
    signed: Option<Signed>,
    behalf: Option<Behalf>,
}

/// The signer signs for somebody else.
struct Behalf {
    asker: Arc<Asker>,
    /// What gave the actor the right.
    evidence: ActorEvidence,
    /// What could not be found out about their rights, each with why.
    unread: Vec<String>,
}

impl Acting {
    /// The right to do this, by the roles of the adopted policy.
    pub fn permit(&self, protocol: &Protocol, verb: Verb, channel: Option<&ChannelName>) -> Result<Permit> {
        let unread = self.behalf.as_ref().map(|behalf| behalf.unread.as_slice()).unwrap_or_default();
        permit(protocol, &self.actor, &self.rights(), unread, verb, channel)
    }

    /// What the actor has beside their identity, as roles name it.
    pub fn rights(&self) -> Vec<String> {
        self.behalf.as_ref().map(|behalf| behalf.evidence.rights()).unwrap_or_default()
    }

    /// Where the request was made, as entries record it.
    pub fn source(&self) -> String {
        self.behalf.as_ref().map_or_else(|| BY_HAND.to_owned(), |behalf| behalf.evidence.source.clone())
    }

    /// The claim that the request brings with it: it is carried out once, however often it is handed over.
    pub fn claim(&self) -> Option<String> {
        self.behalf.as_ref().map(|behalf| behalf.evidence.source.clone())
    }

    /// Asked right before anything is written: whether the request still stands as it was made, and whoever made it still has the
    /// right. Gates may have taken their time.
    pub async fn still_asked(&self, protocol: &Protocol, verb: Verb, channel: Option<&ChannelName>) -> Result<()> {
        let Some(behalf) = &self.behalf else { return Ok(()) };
        behalf.asker.still_asked().await?;
        let (now, unread) = behalf.asker.rights(protocol).await;
        permit(protocol, &self.actor, &now.rights(), &unread, verb, channel).map(drop)
    }

    /// Notes that the ledger of a place holds what was just written.
    pub async fn wrote(place: &Place, entry: &Oid) {
        if let Ok(trust) = gather::trust(place).await {
            trust.saw(entry);
        }
    }

    /// Writes as this actor.
    pub fn writer<'a>(&'a self, place: &'a Place) -> Writer<'a> {
        Writer {
            world: &place.world,
            at: &place.at,
            signer: self.signer.as_ref(),
            signed: self.signed.as_ref(),
            behalf: self.behalf.as_ref().map(|behalf| &behalf.evidence),
            checkpoint: place.world.checkpoint(),
        }
    }
}

/// The right of these rights; a refusal says what could not be read of them.
fn permit(
    protocol: &Protocol,
    actor: &Actor,
    rights: &[String],
    unread: &[String],
    verb: Verb,
    channel: Option<&ChannelName>,
) -> Result<Permit> {
    rights::permit(protocol, actor, rights, verb, channel).map_err(|fault| match unread.is_empty() {
        true => fault,
        false => fault.help(format!("what could not be read gives no right: {}", unread.join("; "))),
    })
}

/// The actor of a verb that writes to this ledger. Faults: `not_pinned`; `policy_unadopted` where the checkout and the policy in
/// force disagree on whether entries are signed; `not_permitted` where somebody asked on the forge and the key is no mover's.
pub async fn acting(session: &Session, place: &Place, head: &Verified) -> Result<Acting> {
    gather::pinned(place, head).await?;
    if let Some(drafted) = place.drafted.as_ref().filter(|drafted| drafted.is_unsigned() != head.protocol().is_unsigned()) {
        let says = |unsigned: bool| if unsigned { "signs nothing" } else { "signs" };
        let (here, there) = (says(drafted.is_unsigned()), says(head.protocol().is_unsigned()));
        let why = format!("gates/protocol.yaml here {here}, and the policy in force {there}");
        return Err(Fault::new(Reason::PolicyUnadopted, why));
    }
    let holder = adopting(session, place, head.policy()).await?;
    match session.asker() {
        Some(asker) => for_somebody(holder, asker, head.protocol()).await,
        None => Ok(holder),
    }
}

/// The holder of the key acts for who asked, with the rights that the forge says they have now.
async fn for_somebody(holder: Acting, asker: &Arc<Asker>, protocol: &Protocol) -> Result<Acting> {
    if !protocol.movers.contains(&holder.actor.id) {
        let why = match protocol.is_unsigned() {
            true => "nothing is signed under this policy, and who asked on a forge is known by a mover's signature alone".to_owned(),
            false => format!("{} signs here, and is no mover of the adopted policy", holder.actor.id),
        };
        let fault = Fault::new(Reason::NotPermitted, why);
        return Err(fault.help("list the signer that carries out slash commands under `movers:` in gates/protocol.yaml, and adopt that"));
    }
    let (evidence, unread) = asker.rights(protocol).await;
    let actor = rights::actor(protocol, &evidence.actor, asker.name());
    Ok(Acting { actor, behalf: Some(Behalf { asker: asker.clone(), evidence, unread }), ..holder })
}

/// The actor under a policy, whatever is pinned or checked out: the principal of the signing key, or the git e-mail where signing is `none`.
pub async fn adopting(session: &Session, place: &Place, policy: &chain::Policy) -> Result<Acting> {
    let world = &place.world;
    let name = world.git.config("user.name").await?.unwrap_or_default();
    if policy.protocol.is_unsigned() {
        let mail = world.git.config("user.email").await?.unwrap_or_else(|| "unknown".to_owned());
        return Ok(Acting {
            actor: rights::actor(&policy.protocol, &format!("local:{mail}"), &name),
            signer: None,
            signed: None,
            behalf: None,
        });
    }
    let signer = signer(session, place, &policy.protocol).await?;
    let key = signer.public_key().to_owned();
    let refuse = |why: String| {
        let fault = Fault::new(Reason::NotPermitted, format!("the signing key belongs to no signer of the adopted policy: {why}"));
        fault.help("`tagwarden policy show` lists them; a new signer is added to gates/allowed_signers and adopted by the present ones")
    };
    let allowed = policy.allowed.as_ref().ok_or_else(|| refuse("it lists none".to_owned()))?;
    let found = allowed.principal_of(&key, world.clock.now()).map_err(|refusal| refuse(refusal.to_string()))?;
    let actor = rights::actor(&policy.protocol, &format!("ssh:{}", found.principal), &name);
    Ok(Acting { actor, signer: Some(signer), signed: Some(found), behalf: None })
}

/// The signer that the policy, or `--signing-key`, names.
async fn signer(session: &Session, place: &Place, protocol: &Protocol) -> Result<Signer> {
    let source = session.globals.signing_key.clone().unwrap_or_else(|| protocol.signing.key.clone());
    let none = || Fault::new(Reason::SignerMissing, "the policy asks for signatures, and no signing key is named");
    match source {
        KeySource::None => Err(none()),
        source => Signer::from(&source, &place.world.env, place.world.git.dir()).await?.ok_or_else(none),
    }
}
