//! What is asked for in the end, when several tables and files have a say in it.
