//! Laws of the rules, tried on random input: what a table of examples would never think of.

mod claims;
mod matching;
mod planning;
mod plans;
mod text;
mod values;
mod world;
