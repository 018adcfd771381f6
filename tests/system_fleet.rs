//! A fleet: hosts that share one etcd, on a network of their own, and what breaks in it.

mod fleet;
