//! Manifests and the index, as image-spec 1.1 has them: made for what is captured, and read as hostile.
//!
//! Only SHA-256 is read. Members that are not known here are kept where a file is written again (`index.json`), and ignored elsewhere.

use super::{
    BUNDLE, Files, LARGEST_MANIFEST, Label, MOST_LAYERS, SNAPSHOT,
    files::{self, FileEntry, Mode},
    names, tar,
};
use crate::domain::{Digest, Result, digest::canonical_json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const BYTES: &str = "application/octet-stream";
/// Of the config that lists the files of the tar layer.
const LIST: &str = "application/vnd.tagwarden.files.v1+json";
const TAR: &str = "application/x-tar";
const LIST_SCHEMA: &str = "tagwarden.files/1";

/// What stands for a config that nobody needs.
pub const EMPTY_BYTES: &[u8] = b"{}";

const TITLE: &str = "org.opencontainers.image.title";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const MODE: &str = "vnd.tagwarden.mode";
const LOG_HEAD: &str = "vnd.tagwarden.log.head";
const LOG_ENTRIES: &str = "vnd.tagwarden.log.entries";

/// The file that says which form the folder has.
pub const LAYOUT_BYTES: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";

/// The largest manifest that is read, in bytes: what registries take.
pub const LARGEST_READ: u64 = 4 << 20;

/// The longest list of files that is read, in bytes.
pub const LONGEST_LIST: u64 = 256 << 20;

/// What names a blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Descriptor {
    pub(super) fn new(media_type: &str, digest: Digest, size: u64) -> Descriptor {
        let media_type = media_type.to_owned();
        Descriptor { media_type, digest, size, artifact_type: None, annotations: BTreeMap::new(), other: Map::new() }
    }

    fn with(mut self, annotation: &str, value: impl Into<String>) -> Descriptor {
        self.annotations.insert(annotation.to_owned(), value.into());
        self
    }

    pub(super) fn titled(self, title: &str) -> Descriptor {
        self.with(TITLE, title)
    }

    fn name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// The config of a snapshot whose files are in a tar layer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    schema: String,
    files: Files,
}

/// How the files of a snapshot are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A blob for each.
    Blobs,
    /// All in one blob, which `list` describes.
    Tar { layer: Digest, size: u64, list: Digest, list_size: u64 },
}

/// A snapshot whose manifest keeps to every rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub digest: Digest,
    pub files: Files,
    pub form: Form,
    /// `None`: it is not a bundle.
    pub label: Option<Label>,
}

impl Snapshot {
    pub fn artifact_type(&self) -> &'static str {
        artifact_type(self.label.as_ref())
    }

    pub fn bytes(&self) -> u64 {
        self.files.total()
    }
}

fn artifact_type(label: Option<&Label>) -> &'static str {
    if label.is_some() { BUNDLE } else { SNAPSHOT }
}

/// What is written for a snapshot beside the bytes of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub snapshot: Snapshot,
    pub manifest: Vec<u8>,
}

/// The snapshot of these files (without what [`files::why_not_all`] refuses) with a layer for each; `None`: they are too many,
/// and travel as a tar: [`in_tar`].
pub fn of_files(files: &Files, label: Option<&Label>) -> Result<Option<Made>> {
    if files.len() > MOST_LAYERS {
        return Ok(None);
    }
    let layer = |file: FileEntry| {
        let layer = Descriptor::new(BYTES, file.digest, file.size);
        layer.with(TITLE, file.path).with(MODE, file.mode.to_string())
    };
    let manifest = written(empty_config(), files.iter().map(layer).collect(), label)?;
    if manifest.len() > LARGEST_MANIFEST {
        return Ok(None);
    }
    let snapshot = Snapshot { digest: Digest::of(&manifest), files: files.clone(), form: Form::Blobs, label: label.cloned() };
    Ok(Some(Made { snapshot, manifest }))
}

/// The config of an artifact that has none.
pub(super) fn empty_config() -> Descriptor {
    Descriptor::new(EMPTY, Digest::of(EMPTY_BYTES), EMPTY_BYTES.len() as u64)
}

/// Writes the list of files that is the config of a snapshot in the form of a tar. As a whole it would be the largest thing in memory.
pub fn list_of(files: &Files, to: &mut impl Write) -> io::Result<()> {
    to.write_all(b"{\"files\":[")?;
    for (at, file) in files.iter().enumerate() {
        to.write_all(if at > 0 { b"," } else { b"" })?;
        to.write_all(&canonical_json(&file).map_err(|fault| io::Error::other(fault.message))?)?;
    }
    to.write_all(format!("],\"schema\":\"{LIST_SCHEMA}\"}}").as_bytes())
}

/// The snapshot of these files with digest and length of their list, and the tar layer that holds them.
pub fn in_tar(files: &Files, list: (Digest, u64), layer: Digest, label: Option<&Label>) -> Result<Made> {
    let (list, list_size) = list;
    let (config, size) = (Descriptor::new(LIST, list.clone(), list_size), tar::length(files));
    let only = Descriptor::new(TAR, layer.clone(), size).with(TITLE, "files.tar");
    let manifest = written(config, vec![only], label)?;
    let form = Form::Tar { layer, size, list, list_size };
    let snapshot = Snapshot { digest: Digest::of(&manifest), files: files.clone(), form, label: label.cloned() };
    Ok(Made { snapshot, manifest })
}

fn written(config: Descriptor, layers: Vec<Descriptor>, label: Option<&Label>) -> Result<Vec<u8>> {
    let (media_type, artifact_type) = (Some(MANIFEST.to_owned()), Some(artifact_type(label).to_owned()));
    let annotations = label.map(Label::annotations).unwrap_or_default();
    canonical_json(&Manifest { schema_version: 2, media_type, artifact_type, config, layers, annotations })
}

/// A manifest that was read, as far as it says by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// It has its files' layers.
    Whole(Snapshot),
    /// Its config says the files: [`Listed::with`].
    Listed(Listed),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    digest: Digest,
    layer: Digest,
    size: u64,
    pub list: Digest,
    pub list_size: u64,
    label: Option<Label>,
}

/// Reads a manifest whose bytes have this digest. The error says what is wrong with it.
pub fn parse(digest: &Digest, bytes: &[u8]) -> std::result::Result<Parsed, String> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| format!("it is not a manifest: {error}"))?;
    if manifest.schema_version != 2 || manifest.media_type.as_deref().is_some_and(|kind| kind != MANIFEST) {
        return Err("it is not a manifest of version 2".to_owned());
    }
    let label = match manifest.artifact_type.as_deref() {
        Some(SNAPSHOT) => None,
        Some(BUNDLE) => Some(Label::read(&manifest.annotations)?),
        _ => return Err(format!("its type is neither {SNAPSHOT} nor {BUNDLE}")),
    };
    if manifest.config.media_type == LIST {
        let [only] = &manifest.layers[..] else { return Err("a list of files goes with exactly one layer".to_owned()) };
        if only.media_type != TAR || manifest.config.size > LONGEST_LIST {
            return Err("its layer is not a tar, or its list is too long".to_owned());
        }
        let (list, list_size) = (manifest.config.digest, manifest.config.size);
        let (digest, layer) = (digest.clone(), only.digest.clone());
        return Ok(Parsed::Listed(Listed { digest, layer, size: only.size, list, list_size, label }));
    }
    let mut files = Vec::with_capacity(manifest.layers.len());
    for layer in manifest.layers {
        let Some(path) = layer.annotations.get(TITLE).cloned() else {
            return Err(format!("the layer {} has no title, which is the path of the file", layer.digest));
        };
        // What other programs put into a store has no modes.
        let mode = layer.annotations.get(MODE).map_or(Some(Mode::FILE), |mode| Mode::parse(mode));
        let mode = mode.ok_or_else(|| format!("`{}` has a mode that is not captured", path.escape_debug()))?;
        files.push(FileEntry { path, mode, size: layer.size, digest: layer.digest });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let files: Files = files.into_iter().collect();
    match files::why_not_all(&files) {
        Some(why) => Err(why),
        None => Ok(Parsed::Whole(Snapshot { digest: digest.clone(), files, form: Form::Blobs, label })),
    }
}

impl Listed {
    /// The whole snapshot, with the text of its list.
    pub fn with(self, list: impl Read) -> std::result::Result<Snapshot, String> {
        let list: List = serde_json::from_reader(list).map_err(|error| format!("its list of files cannot be read: {error}"))?;
        if list.schema != LIST_SCHEMA {
            return Err(format!("its list of files has the schema `{}`", list.schema.escape_debug()));
        }
        if let Some(why) = files::why_not_all(&list.files) {
            return Err(why);
        }
        if tar::length(&list.files) != self.size {
            return Err("its tar is not as long as the files in its list make it".to_owned());
        }
        let form = Form::Tar { layer: self.layer, size: self.size, list: self.list, list_size: self.list_size };
        Ok(Snapshot { digest: self.digest, files: list.files, form, label: self.label })
    }
}

/// `index.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Default for Index {
    fn default() -> Index {
        Index {
            schema_version: 2,
            media_type: Some(INDEX.to_owned()),
            manifests: Vec::new(),
            annotations: BTreeMap::new(),
            other: Map::new(),
        }
    }
}

impl Index {
    pub fn parse(bytes: &[u8]) -> std::result::Result<Index, String> {
        let index: Index = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if index.schema_version != 2 { Err("its version is not 2".to_owned()) } else { Ok(index) }
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        canonical_json(self)
    }

    /// Takes the type of each artifact from its manifest where other programs left it out; `of`: what a manifest of this digest and size
    /// says.
    pub fn learn(&mut self, mut of: impl FnMut(&Digest, u64) -> Option<String>) {
        for entry in self.manifests.iter_mut().filter(|entry| entry.artifact_type.is_none() && entry.media_type == MANIFEST) {
            entry.artifact_type = of(&entry.digest, entry.size);
        }
    }

    fn of_snapshots(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().filter(|entry| is_ours(entry))
    }

    /// Every snapshot, once for each name that it has.
    pub fn snapshots(&self) -> impl Iterator<Item = &Digest> {
        self.of_snapshots().map(|entry| &entry.digest)
    }

    /// Snapshots with their manifests' sizes, each once.
    pub fn sizes(&self) -> BTreeMap<Digest, u64> {
        self.of_snapshots().map(|entry| (entry.digest.clone(), entry.size)).collect()
    }

    pub fn has(&self, digest: &Digest) -> bool {
        self.snapshots().any(|known| known == digest)
    }

    /// What a tag is at.
    pub fn tagged(&self, tag: &str) -> impl Iterator<Item = &Digest> {
        self.of_snapshots().filter(move |entry| entry.name() == Some(tag)).map(|entry| &entry.digest)
    }

    /// The tags of a snapshot, sorted.
    pub fn tags_of(&self, digest: &Digest) -> Vec<String> {
        let names = self.of_snapshots().filter(|entry| entry.digest == *digest).filter_map(Descriptor::name);
        let tags: BTreeSet<String> = names.filter(|name| !names::is_reserved(name)).map(str::to_owned).collect();
        tags.into_iter().collect()
    }

    /// The blobs of manifests that are no snapshots, of which nothing is known but that they are named.
    pub fn others(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().filter(|entry| !is_ours(entry))
    }

    /// Names a snapshot or a bundle by its digest and by tags. What is named so already stays.
    pub fn add(&mut self, artifact_type: &str, digest: &Digest, size: u64, tags: &[String]) {
        for name in [names::of_digest(artifact_type, digest)].iter().chain(tags) {
            if !self.manifests.iter().any(|entry| entry.digest == *digest && entry.name() == Some(name)) {
                let entry = Descriptor::new(MANIFEST, digest.clone(), size).with(REF_NAME, name.clone());
                self.manifests.push(Descriptor { artifact_type: Some(artifact_type.to_owned()), ..entry });
            }
        }
    }

    /// Names an artifact of another sort, without a tag.
    pub fn add_other(&mut self, digest: &Digest, size: u64, artifact_type: &str) {
        if !self.manifests.iter().any(|entry| entry.digest == *digest) {
            let entry = Descriptor::new(MANIFEST, digest.clone(), size);
            self.manifests.push(Descriptor { artifact_type: Some(artifact_type.to_owned()), ..entry });
        }
    }

    /// The artifacts of a type that is not a snapshot's.
    pub fn of_type(&self, artifact_type: &str) -> impl Iterator<Item = (&Digest, u64)> {
        self.others().filter(move |entry| entry.artifact_type.as_deref() == Some(artifact_type)).map(|entry| (&entry.digest, entry.size))
    }

    /// Forgets a snapshot under all of its names.
    pub fn remove(&mut self, digest: &Digest) {
        self.manifests.retain(|entry| entry.digest != *digest);
    }

    /// How many events the log has, and the digest of the last; `None`: there is no log. The error: what is there makes no sense.
    pub fn log(&self) -> std::result::Result<Option<(u64, Digest)>, String> {
        let (head, entries) = (self.annotations.get(LOG_HEAD), self.annotations.get(LOG_ENTRIES));
        match (head, entries) {
            (None, None) => Ok(None),
            (Some(head), Some(entries)) => {
                let entries = entries.parse().ok().filter(|entries| *entries > 0).ok_or("its number of events is none")?;
                Ok(Some((entries, head.parse()?)))
            }
            _ => Err("one of its two annotations about the log is missing".to_owned()),
        }
    }

    pub fn set_log(&mut self, entries: u64, head: &Digest) {
        self.annotations.insert(LOG_HEAD.to_owned(), head.to_string());
        self.annotations.insert(LOG_ENTRIES.to_owned(), entries.to_string());
    }
}

/// It is a snapshot or a bundle. Where its type is not known, its manifest could not be read, and its name says it.
fn is_ours(entry: &Descriptor) -> bool {
    let mut types = [SNAPSHOT, BUNDLE].into_iter();
    match entry.artifact_type.as_deref() {
        Some(known) => types.any(|ours| ours == known),
        None => types.any(|ours| entry.name() == Some(&names::of_digest(ours, &entry.digest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(path: &str, bytes: &[u8]) -> FileEntry {
        FileEntry { path: path.to_owned(), mode: Mode::FILE, size: bytes.len() as u64, digest: Digest::of(bytes) }
    }

    fn text_of(files: &Files) -> Vec<u8> {
        let mut text = Vec::new();
        list_of(files, &mut text).unwrap();
        text
    }

    fn noted(text: &[u8]) -> (Digest, u64) {
        (Digest::of(text), text.len() as u64)
    }

    #[test]
    fn a_manifest_is_made_and_read_back() {
        let files = [entry("a/b", b"one"), FileEntry { mode: Mode::EXECUTABLE, ..entry("c", b"") }].into_iter().collect();
        let made = of_files(&files, None).unwrap().unwrap();
        insta::assert_snapshot!(String::from_utf8(made.manifest.clone()).unwrap().replace(",\"", ",\n\""), @r#"
        {"artifactType":"application/vnd.tagwarden.snapshot.v1+json",
        "config":{"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "mediaType":"application/vnd.oci.empty.v1+json",
        "size":2},
        "layers":[{"annotations":{"org.opencontainers.image.title":"a/b",
        "vnd.tagwarden.mode":"0644"},
        "digest":"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
        "mediaType":"application/octet-stream",
        "size":3},{"annotations":{"org.opencontainers.image.title":"c",
        "vnd.tagwarden.mode":"0755"},
        "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "mediaType":"application/octet-stream",
        "size":0}],
        "mediaType":"application/vnd.oci.image.manifest.v1+json",
        "schemaVersion":2}
        "#);
        assert_eq!(parse(&made.snapshot.digest, &made.manifest), Ok(Parsed::Whole(made.snapshot)));
    }

    #[test]
    fn many_files_and_long_manifests_travel_as_a_tar() {
        let many: Vec<FileEntry> = (0..=MOST_LAYERS).map(|at| entry(&format!("{at:05}"), b"x")).collect();
        let (few, all) = (many[1..].iter().cloned().collect(), many.iter().cloned().collect());
        assert!(of_files(&few, None).unwrap().is_some() && of_files(&all, None).unwrap().is_none());
        let long: Files = (0..1500).map(|at| entry(&format!("{at:05}/{}", "x/".repeat(250) + "y"), b"x")).collect();
        assert!(of_files(&long, None).unwrap().is_none());
        let text = text_of(&all);
        let made = in_tar(&all, noted(&text), Digest::of(b"the tar"), None).unwrap();
        let Ok(Parsed::Listed(listed)) = parse(&made.snapshot.digest, &made.manifest) else { panic!("it has a list") };
        assert_eq!(listed.clone().with(&text[..]).unwrap(), made.snapshot);
        let short = text_of(&few);
        for files in [&many[1..], &many[..1], &[]] {
            let value = json!({"schema": LIST_SCHEMA, "files": files});
            assert_eq!(text_of(&files.iter().cloned().collect()), canonical_json(&value).unwrap());
        }
        assert_eq!(listed.with(&short[..]).unwrap_err(), "its tar is not as long as the files in its list make it");
    }

    /// The label is in the digest; nothing else of the content changes.
    #[test]
    fn a_bundle_is_a_manifest_of_its_own() {
        let files = [entry("a", b"one")].into_iter().collect();
        let label = |version: &str| Label::new("routing", version, (None, None)).unwrap();
        let made = |label: Option<&Label>| of_files(&files, label).unwrap().unwrap();
        let (plain, one, two) = (made(None), made(Some(&label("1"))), made(Some(&label("2"))));
        assert!(plain.snapshot.digest != one.snapshot.digest && one.snapshot.digest != two.snapshot.digest);
        assert_eq!(parse(&one.snapshot.digest, &one.manifest), Ok(Parsed::Whole(one.snapshot.clone())));
        let text = String::from_utf8(one.manifest).unwrap();
        assert!(text.contains(BUNDLE) && text.contains("\"vnd.tagwarden.bundle.version\":\"1\""), "{text}");
        let text = text_of(&files);
        let many = in_tar(&files, noted(&text), Digest::of(b"the tar"), Some(&label("1"))).unwrap();
        let Ok(Parsed::Listed(listed)) = parse(&many.snapshot.digest, &many.manifest) else { panic!("it has a list") };
        assert_eq!(listed.with(&text[..]).unwrap().label, Some(label("1")));
        let mut index = Index::default();
        index.add(one.snapshot.artifact_type(), &one.snapshot.digest, 3, &[]);
        let names = format!("bundle-{}", one.snapshot.digest.hex());
        assert!(String::from_utf8(index.to_bytes().unwrap()).unwrap().contains(&names) && index.has(&one.snapshot.digest));
    }

    /// A right manifest with one thing changed.
    #[test]
    fn hostile_manifests_are_refused_with_a_reason() {
        let files = [entry("a", b"one"), entry("b", b"two")].into_iter().collect();
        let made = of_files(&files, None).unwrap().unwrap();
        let right: Value = serde_json::from_slice(&made.manifest).unwrap();
        let digest = made.snapshot.digest;
        for (pointer, value, why) in [
            ("/schemaVersion", json!(1), "it is not a manifest of version 2"),
            ("/mediaType", json!("application/vnd.docker.distribution.manifest.v2+json"), "it is not a manifest of version 2"),
            ("/artifactType", json!("application/x"), "its type is neither application/vnd.tagwarden.snapshot.v1+json"),
            ("/layers", json!([]), "it names no file"),
            ("/layers/0/annotations", json!({}), "has no title"),
            ("/layers/0/annotations/org.opencontainers.image.title", json!("../../etc/passwd"), "it leads upwards"),
            ("/layers/0/annotations/org.opencontainers.image.title", json!("/etc/passwd"), "it is absolute"),
            ("/layers/0/annotations/org.opencontainers.image.title", json!("b"), "`b` is there twice"),
            ("/layers/0/annotations/org.opencontainers.image.title", json!("b/c"), "`b` is a file and a folder"),
            ("/layers/0/annotations/vnd.tagwarden.mode", json!("4755"), "a mode that is not captured"),
            ("/layers/0/digest", json!("sha256:../../../etc/passwd"), "it is not a manifest"),
            ("/layers/0/digest", json!("sha512:00"), "it is not a manifest"),
            ("/layers/0/size", json!(-1), "it is not a manifest"),
            ("/layers/0/size", json!(u64::MAX), "its sizes have no sum"),
            ("/config/mediaType", json!(LIST), "exactly one layer"),
            ("/artifactType", json!(BUNDLE), "does not say its rail and version"),
        ] {
            let mut wrong = right.clone();
            *wrong.pointer_mut(pointer).unwrap() = value;
            let error = parse(&digest, &serde_json::to_vec(&wrong).unwrap()).expect_err(pointer);
            assert!(error.contains(why), "{pointer}: {error}");
        }
        assert!(parse(&digest, b"").is_err() && parse(&digest, &b"[".repeat(100_000)).is_err());
    }

    #[test]
    fn an_index_keeps_what_others_wrote_and_forgets_under_every_name() {
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let theirs = json!({
            "schemaVersion": 2, "subject": {"x": 1},
            "manifests": [
                {"mediaType": MANIFEST, "digest": two, "size": 7, "platform": {"os": "linux"}, "annotations": {REF_NAME: "theirs"}},
            ],
        });
        let mut index = Index::parse(&serde_json::to_vec(&theirs).unwrap()).unwrap();
        assert_eq!(index.snapshots().count(), 0);
        index.add(SNAPSHOT, &one, 3, &["now".to_owned()]);
        index.add(SNAPSHOT, &one, 3, &["now".to_owned()]);
        assert_eq!((index.sizes().len(), index.tags_of(&one)), (1, vec!["now".to_owned()]));
        assert_eq!(index.tagged("now").collect::<Vec<_>>(), [&one]);
        assert_eq!(index.tagged("theirs").count(), 0);
        assert_eq!(index.others().count(), 1);
        assert_eq!(index.log(), Ok(None));
        index.set_log(4, &two);
        let read = Index::parse(&index.to_bytes().unwrap()).unwrap();
        assert_eq!((read.log(), &read), (Ok(Some((4, two))), &index));
        index.remove(&one);
        let value: Value = serde_json::from_slice(&index.to_bytes().unwrap()).unwrap();
        assert_eq!((&value["manifests"], &value["subject"]), (&theirs["manifests"], &theirs["subject"]));
    }
}
