//! The environments that variables are asked of: this process, a file, a program, an endpoint. Each is looked at once for
//! all the variables of one call.

use super::Answerer;
use crate::gate::{
    Unavailable,
    probe::{
        CommandAsk, EnvFrom, HttpAsk,
        reduce::{Variable, Variables, environment},
        why,
    },
};
use std::{
    collections::BTreeMap,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OnceCell;

/// Longer files are no environment.
const LARGEST: u64 = 1 << 20;

type Looked = Arc<OnceCell<Result<Arc<Variables>, Unavailable>>>;

/// What was read so far.
#[derive(Default)]
pub(super) struct Environments {
    looked: Mutex<BTreeMap<EnvFrom, Looked>>,
}

impl Environments {
    pub async fn of(&self, from: &EnvFrom, answerer: &Answerer) -> Result<Arc<Variables>, Unavailable> {
        let cell = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(looked.entry(from.clone()).or_default())
        };
        let read = || async {
            let variables = answerer.look(from).await?;
            answerer.secrets.learn_values(variables.iter().filter_map(|(name, variable)| match variable {
                Variable::Value(value) => Some((name.as_str(), value.as_str())),
                Variable::Presence(_) => None,
            }));
            Ok(Arc::new(variables))
        };
        cell.get_or_init(read).await.clone()
    }
}

impl Answerer {
    async fn look(&self, from: &EnvFrom) -> Result<Variables, Unavailable> {
        match from {
            EnvFrom::Process => {
                let pairs = self.world.env.iter();
                Ok(pairs
                    .map(|(name, value)| (name.to_string_lossy().into_owned(), Variable::Value(value.to_string_lossy().into_owned())))
                    .collect())
            }
            EnvFrom::File(path) => read_file(&self.world.git.dir().join(path)),
            EnvFrom::Command(run) => {
                let raw = self.run(&CommandAsk { run: run.clone(), ..CommandAsk::default() }).await?;
                match (raw.exit, raw.over_limit) {
                    (Some(0), false) => read_text(raw.stdout),
                    (Some(0), true) => Err(unreadable("the program printed too much")),
                    (Some(126 | 127), _) => Err(Unavailable::new(why::NOT_FOUND)),
                    (exit, _) => Err(unreadable(
                        &exit.map_or("a signal ended the program".to_owned(), |code| format!("the program ended with exit code {code}")),
                    )),
                }
            }
            EnvFrom::Http(url) => {
                let ask = HttpAsk { method: "GET".to_owned(), url: url.clone(), ..HttpAsk::default() };
                let exchange = self.world.http.ask(&ask, self.world.clock.now()).await;
                let raw = exchange.result?;
                match (raw.status, raw.over_limit) {
                    (200, false) => {
                        let value = serde_json::from_slice(&raw.body).map_err(|_| unreadable("the answer is no JSON"))?;
                        environment::read_json(&value).map_err(|why| unreadable(&why))
                    }
                    (200, true) => Err(unreadable("the answer is too long")),
                    (status, _) => Err(unreadable(&format!("the endpoint answered with status {status}"))),
                }
            }
        }
    }
}

fn read_file(path: &std::path::Path) -> Result<Variables, Unavailable> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > LARGEST => Err(unreadable("the file is too long")),
        Ok(_) => read_text(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Unavailable::new(why::NOT_FOUND)),
        Err(error) => Err(unreadable(&error.kind().to_string())),
    }
}

fn read_text(bytes: Vec<u8>) -> Result<Variables, Unavailable> {
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is no UTF-8"))?;
    environment::read(&text).map_err(|why| unreadable(&why))
}

fn unreadable(why: &str) -> Unavailable {
    Unavailable::new(why::UNREADABLE).detail(why.to_owned())
}
