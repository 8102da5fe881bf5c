//! Proof that every required gate passed for exactly these moves under exactly this policy.
