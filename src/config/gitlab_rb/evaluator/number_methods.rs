//! Number methods and conversions.

use crate::config::gitlab_rb::value::{RubyData, RubyValue};
use crate::config::span::SourceSpan;

/// Calls a number method; `None` if it is not supported.
pub(super) fn call(
    number: &RubyValue,
    name: &str,
    arguments: &[RubyValue],
    span: &SourceSpan,
) -> Option<RubyValue> {
    let data = match (&number.data, arguments) {
        (RubyData::Int(a), [RubyValue { data: RubyData::Int(b), .. }]) => integer_operator(*a, name, *b, span)?,
        (RubyData::Int(number), []) => match name {
            "to_i" | "to_int" | "round" | "floor" | "ceil" | "+@" => RubyData::Int(*number),
            "to_f" => RubyData::Float(*number as f64),
            "abs" => RubyData::Int(number.checked_abs()?),
            "-@" => RubyData::Int(number.checked_neg()?),
            "succ" | "next" => RubyData::Int(number.checked_add(1)?),
            "zero?" => RubyData::Flag(*number == 0),
            "positive?" => RubyData::Flag(*number > 0),
            "negative?" => RubyData::Flag(*number < 0),
            "even?" => RubyData::Flag(number % 2 == 0),
            "odd?" => RubyData::Flag(number % 2 != 0),
            "times" => RubyData::Range(0, number.saturating_sub(1)),
            _ => return None,
        },
        (
            RubyData::Int(number),
            [RubyValue { data: RubyData::Int(low), .. }, RubyValue { data: RubyData::Int(high), .. }],
        ) => match name {
            "clamp" if low <= high => RubyData::Int(*number.clamp(low, high)),
            "between?" => RubyData::Flag((low..=high).contains(&number)),
            _ => return None,
        },
        (RubyData::Float(a), [other]) => {
            let b = match other.data {
                RubyData::Float(b) => b,
                RubyData::Int(b) => b as f64,
                _ => return None,
            };
            float_operator(*a, name, b)?
        }
        (RubyData::Int(a), [RubyValue { data: RubyData::Float(b), .. }]) => float_operator(*a as f64, name, *b)?,
        (RubyData::Float(number), []) => match name {
            "to_f" => RubyData::Float(*number),
            _ if number.abs() >= MAX_FLOAT => return None,
            "to_i" | "truncate" => RubyData::Int(number.trunc() as i64),
            "floor" => RubyData::Int(number.floor() as i64),
            "ceil" => RubyData::Int(number.ceil() as i64),
            "round" => RubyData::Int(number.round() as i64),
            _ => return None,
        },
        _ => return None,
    };
    Some(RubyValue::new(data, span))
}

/// Evaluates `Integer(x)`, `Float(x)`, `String(x)` and `Array(x)`.
pub(super) fn convert(name: &str, value: &RubyValue, span: &SourceSpan) -> RubyValue {
    let raises = || RubyValue::raises(format!("`{name}` of {} raises an exception", value.kind()), span);
    match (name, &value.data) {
        ("Integer", RubyData::Int(number)) => RubyValue::new(RubyData::Int(*number), span),
        ("Integer", RubyData::Text(text)) if text.trim().starts_with('0') && text.trim() != "0" => {
            RubyValue::unknown("a number that begins with 0 may have another base", span)
        }
        ("Integer", RubyData::Text(text)) => match text.trim().replace('_', "").parse() {
            Ok(number) => RubyValue::new(RubyData::Int(number), span),
            Err(_) => raises(),
        },
        ("Float", RubyData::Text(text)) => match text.trim().parse() {
            Ok(number) => RubyValue::new(RubyData::Float(number), span),
            Err(_) => raises(),
        },
        ("String", _) => value.to_text().map_or_else(raises, |text| RubyValue::text(text, span)),
        ("Array", RubyData::Nil) => RubyValue::new(RubyData::List(Vec::new()), span),
        ("Array", RubyData::List(_)) => value.clone(),
        ("Array", RubyData::Text(_) | RubyData::Int(_)) => {
            RubyValue::new(RubyData::List(vec![value.clone()]), span)
        }
        _ => raises(),
    }
}

fn integer_operator(a: i64, name: &str, b: i64, span: &SourceSpan) -> Option<RubyData> {
    let number = match name {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" | "div" | "%" | "modulo" if b == 0 => {
            return Some(RubyValue::raises("division by zero", span).data);
        }
        // Ruby rounds toward negative infinity, Rust toward zero.
        "/" | "div" => a.checked_div(b).map(|all| all - i64::from(a % b != 0 && (a < 0) != (b < 0))),
        "%" | "modulo" => {
            a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        "**" => a.checked_pow(u32::try_from(b).ok()?),
        "<<" => a.checked_mul(1i64.checked_shl(u32::try_from(b).ok()?)?),
        "fdiv" => return Some(RubyData::Float(a as f64 / b as f64)),
        "divmod" => {
            let parts = [integer_operator(a, "/", b, span)?, integer_operator(a, "%", b, span)?];
            return Some(RubyData::List(parts.map(|part| RubyValue::new(part, span)).into()));
        }
        "<=>" => Some(a.cmp(&b) as i64),
        "to_s" if (2..=36).contains(&b) => return Some(RubyData::Text(in_base(a, b.unsigned_abs()))),
        _ => return comparison(a.cmp(&b), name).map(RubyData::Flag),
    };
    number.map(RubyData::Int)
}

fn float_operator(a: f64, name: &str, b: f64) -> Option<RubyData> {
    let number = match name {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        _ => return comparison(a.partial_cmp(&b)?, name).map(RubyData::Flag),
    };
    Some(RubyData::Float(number))
}

fn comparison(order: std::cmp::Ordering, name: &str) -> Option<bool> {
    Some(match name {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => return None,
    })
}

/// Formats a number in a base from 2 to 36.
fn in_base(number: i64, base: u64) -> String {
    let mut digits = Vec::new();
    let mut rest = number.unsigned_abs();
    loop {
        let digit = u32::try_from(rest % base).unwrap_or(0);
        digits.extend(char::from_digit(digit, 36));
        rest /= base;
        if rest == 0 {
            break;
        }
    }
    digits.extend((number < 0).then_some('-'));
    digits.into_iter().rev().collect()
}

/// Magnitude from which floats are not converted to integers: the range of `i64` ends at 9.2e18.
const MAX_FLOAT: f64 = 9e18;
