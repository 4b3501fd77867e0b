//! Methods of numbers, and conversions to them.

use crate::config::gitlab_rb::value::{Data, Value};
use crate::config::span::Place;

/// Calls a method; `None` if it is not understood.
pub(super) fn call(number: &Value, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let data = match (&number.data, arguments) {
        (Data::Int(a), [Value { data: Data::Int(b), .. }]) => whole(*a, name, *b, place)?,
        (Data::Int(number), []) => match name {
            "to_i" | "to_int" | "round" | "floor" | "ceil" | "+@" => Data::Int(*number),
            "to_f" => Data::Float(*number as f64),
            "abs" => Data::Int(number.checked_abs()?),
            "-@" => Data::Int(number.checked_neg()?),
            "succ" | "next" => Data::Int(number.checked_add(1)?),
            "zero?" => Data::Flag(*number == 0),
            "positive?" => Data::Flag(*number > 0),
            "negative?" => Data::Flag(*number < 0),
            "even?" => Data::Flag(number % 2 == 0),
            "odd?" => Data::Flag(number % 2 != 0),
            "times" => Data::Range(0, number.saturating_sub(1)),
            _ => return None,
        },
        (Data::Int(number), [Value { data: Data::Int(low), .. }, Value { data: Data::Int(high), .. }]) => {
            match name {
                "clamp" if low <= high => Data::Int(*number.clamp(low, high)),
                "between?" => Data::Flag((low..=high).contains(&number)),
                _ => return None,
            }
        }
        (Data::Float(a), [other]) => {
            let b = match other.data {
                Data::Float(b) => b,
                Data::Int(b) => b as f64,
                _ => return None,
            };
            fraction(*a, name, b)?
        }
        (Data::Int(a), [Value { data: Data::Float(b), .. }]) => fraction(*a as f64, name, *b)?,
        (Data::Float(number), []) => match name {
            "to_f" => Data::Float(*number),
            _ if number.abs() >= LARGEST => return None,
            "to_i" | "truncate" => Data::Int(number.trunc() as i64),
            "floor" => Data::Int(number.floor() as i64),
            "ceil" => Data::Int(number.ceil() as i64),
            "round" => Data::Int(number.round() as i64),
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::new(data, place))
}

/// `Integer(x)`, `String(x)` and their like.
pub(super) fn convert(name: &str, value: &Value, place: &Place) -> Value {
    let refused = || Value::raises(format!("`{name}` of {} stops Ruby here", value.kind()), place);
    match (name, &value.data) {
        ("Integer", Data::Int(number)) => Value::new(Data::Int(*number), place),
        ("Integer", Data::Text(text)) if text.trim().starts_with('0') && text.trim() != "0" => {
            Value::unknown("a number that begins with 0 may have another base", place)
        }
        ("Integer", Data::Text(text)) => match text.trim().replace('_', "").parse() {
            Ok(number) => Value::new(Data::Int(number), place),
            Err(_) => refused(),
        },
        ("Float", Data::Text(text)) => match text.trim().parse() {
            Ok(number) => Value::new(Data::Float(number), place),
            Err(_) => refused(),
        },
        ("String", _) => value.to_text().map_or_else(refused, |text| Value::text(text, place)),
        ("Array", Data::Nil) => Value::new(Data::List(Vec::new()), place),
        ("Array", Data::List(_)) => value.clone(),
        ("Array", Data::Text(_) | Data::Int(_)) => Value::new(Data::List(vec![value.clone()]), place),
        _ => refused(),
    }
}

fn whole(a: i64, name: &str, b: i64, place: &Place) -> Option<Data> {
    let number = match name {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" | "div" | "%" | "modulo" if b == 0 => return Some(Value::raises("this divides by zero", place).data),
        // Ruby rounds down, not towards zero.
        "/" | "div" => a.checked_div(b).map(|all| all - i64::from(a % b != 0 && (a < 0) != (b < 0))),
        "%" | "modulo" => {
            a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        "**" => a.checked_pow(u32::try_from(b).ok()?),
        "<<" => a.checked_mul(1i64.checked_shl(u32::try_from(b).ok()?)?),
        "fdiv" => return Some(Data::Float(a as f64 / b as f64)),
        "divmod" => {
            let parts = [whole(a, "/", b, place)?, whole(a, "%", b, place)?];
            return Some(Data::List(parts.map(|part| Value::new(part, place)).into()));
        }
        "<=>" => Some(a.cmp(&b) as i64),
        "to_s" if (2..=36).contains(&b) => return Some(Data::Text(in_base(a, b.unsigned_abs()))),
        _ => return comparison(a.cmp(&b), name).map(Data::Flag),
    };
    number.map(Data::Int)
}

fn fraction(a: f64, name: &str, b: f64) -> Option<Data> {
    let number = match name {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        _ => return comparison(a.partial_cmp(&b)?, name).map(Data::Flag),
    };
    Some(Data::Float(number))
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

/// A number in another base, from 2 to 36.
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

/// Numbers from here on are not whole in the same way.
const LARGEST: f64 = 9e18;
