//! Files of `gates/`, split at NUL: they are read or refused, a refusal has findings with places, and twice is the same.

use tagwarden::{
    cli::explain,
    gate::config::{GateFiles, load},
};

const NAMES: [&str; 4] = ["protocol.yaml", "10-first.yaml", "20-second.yaml", "allowed_signers"];

pub fn check(bytes: &[u8]) {
    let files = NAMES.iter().zip(bytes.split(|byte| *byte == 0)).map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    let files = GateFiles { files, root: "gates".to_owned() };
    match (load(&files), load(&files)) {
        (Ok(one), Ok(two)) => assert_eq!(one.gates.len(), two.gates.len()),
        (Err(one), Err(two)) => {
            assert_eq!(one, two);
            assert!(!one.findings.is_empty(), "{one:?}");
            for finding in &one.findings {
                assert!(explain::knows(&finding.code), "{finding:?}");
                assert!(finding.place.as_ref().is_some_and(|place| place.line >= 1 && place.column >= 1), "{finding:?}");
            }
        }
        _ => panic!("read once, refused once"),
    }
}
