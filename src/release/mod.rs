//! Plans, policy, ledger entries and their chain, holds. Pure.
