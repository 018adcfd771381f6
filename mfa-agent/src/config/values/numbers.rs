//! Truths and whole numbers.

use std::marker::PhantomData;

use super::Value;
use crate::config::error::Problem;
use crate::config::tree::{Data, Node};
use mfa_core::factors::device::{Digits, Period};

impl Value for bool {
    type Output = Self;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.data {
            Data::Truth(truth) => return Some(truth),
            _ => problems.push(node.misfit("true or false")),
        }
        None
    }
}

/// What a whole number becomes.
pub(in crate::config) trait FromWhole: Sized {
    fn from_whole(number: u32) -> Option<Self>;
}

macro_rules! from_whole {
    ($($to:ty: $from:ty;)*) => {$(
        impl FromWhole for $to {
            fn from_whole(number: u32) -> Option<Self> {
                Self::try_from(<$from>::from(number)).ok()
            }
        }
    )*};
}

from_whole! {
    u32: u32;
    u16: u32;
    Digits: u32;
    Period: u64;
}

/// A whole number within limits.
pub(in crate::config) struct Whole<const MIN: u32, const MAX: u32, T = u32>(PhantomData<T>);

impl<const MIN: u32, const MAX: u32, T: FromWhole> Value for Whole<MIN, MAX, T> {
    type Output = T;

    fn range() -> Option<String> {
        Some(format!("{MIN} to {MAX}"))
    }

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<T> {
        let expected = format!("a whole number from {MIN} to {MAX}");
        let Data::Number(number) = node.data else {
            problems.push(node.misfit(&expected));
            return None;
        };
        let small = u32::try_from(number).ok();
        let within = small.filter(|number| (MIN..=MAX).contains(number));
        let value = within.and_then(|number| T::from_whole(number));
        if value.is_none() {
            let message = format!("invalid value: integer `{number}`; expected {expected}");
            problems.push(node.problem(message));
        }
        value
    }
}
