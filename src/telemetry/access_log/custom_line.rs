//! Fills in a line of a custom format as values become available.
//!
//! Each variable is rendered as soon as its value is known: variables of the request when the request arrives,
//! headers when they are forwarded, all others at the end. So the line keeps nothing of the request alive, even
//! during a tunnel of hours, and only variables of the format are recorded.

use std::ops::Range;
use std::rc::Rc;

use http::HeaderMap;

use super::clock;
use super::escape::escape_from;
use crate::model::log_format::{CustomLogFormat, LogEscape};
use crate::model::template::{TemplatePart, VariablePresence, VariableSource};
use crate::model::variable::{LogVariable, NamedResponseVariable, RequestVariable};

/// A line of a custom format under construction.
pub(super) struct CustomLine {
    format: Rc<CustomLogFormat>,
    /// The known values, escaped, in the order in which they became known.
    values: Vec<u8>,
    /// For each part of the format, the range of its value in `values`.
    slots: Box<[Option<Range<usize>>]>,
}

impl CustomLine {
    /// Creates the line and renders the variables of the request.
    pub(super) fn begin(
        format: Rc<CustomLogFormat>,
        variables: &impl VariableSource<RequestVariable>,
    ) -> CustomLine {
        let slots = vec![None; format.template.parts().len()].into();
        let mut line = CustomLine { format, values: Vec::new(), slots };
        line.fill(|variable, out| match variable {
            // The time is that of the writing of the line.
            LogVariable::Request(RequestVariable::Time(_)) => None,
            LogVariable::Request(variable) => Some(variables.write(variable, out)),
            _ => None,
        });
        line
    }

    /// Renders headers of the upstream's response.
    pub(super) fn upstream_responded(&mut self, headers: &HeaderMap) {
        self.fill(|variable, out| match variable {
            LogVariable::UpstreamHeader(name) => Some(append_header(headers, name, out)),
            _ => None,
        });
    }

    /// Renders headers of the response to the client.
    pub(super) fn response_started(&mut self, headers: &HeaderMap) {
        self.fill(|variable, out| match variable {
            LogVariable::SentHeader(name) => Some(append_header(headers, name, out)),
            _ => None,
        });
    }

    /// Renders the remaining variables with `outcome` and appends the line, with its line end, to `out`.
    pub(super) fn finish(
        &mut self,
        outcome: impl Fn(NamedResponseVariable, &mut Vec<u8>) -> VariablePresence,
        out: &mut Vec<u8>,
    ) {
        self.fill(|variable, values| match variable {
            LogVariable::Request(RequestVariable::Time(clock)) => {
                clock::append(*clock, values);
                Some(VariablePresence::Present)
            }
            LogVariable::Response(variable) => Some(outcome(*variable, values)),
            // A header of a response that was not received or sent.
            _ => Some(VariablePresence::Absent),
        });
        for (part, slot) in self.format.template.parts().iter().zip(&self.slots) {
            match (part, slot) {
                (TemplatePart::Literal(text), _) => out.extend_from_slice(text.as_bytes()),
                (TemplatePart::Variable(_), Some(at)) => out.extend_from_slice(&self.values[at.clone()]),
                (TemplatePart::Variable(_), None) => {}
            }
        }
        out.push(b'\n');
    }

    /// Renders the variables that have no value yet. `value` returns `None` for a variable that it does not know.
    fn fill(&mut self, mut value: impl FnMut(&LogVariable, &mut Vec<u8>) -> Option<VariablePresence>) {
        for (part, slot) in self.format.template.parts().iter().zip(&mut self.slots) {
            let (TemplatePart::Variable(variable), None) = (part, &slot) else { continue };
            let start = self.values.len();
            match value(variable, &mut self.values) {
                Some(VariablePresence::Present) => escape_from(self.format.escape, &mut self.values, start),
                Some(VariablePresence::Absent) if self.format.escape == LogEscape::Default => {
                    self.values.push(b'-')
                }
                Some(VariablePresence::Absent) => {}
                None => continue,
            }
            *slot = Some(start..self.values.len());
        }
    }
}

fn append_header(headers: &HeaderMap, name: &http::HeaderName, out: &mut Vec<u8>) -> VariablePresence {
    let mut presence = VariablePresence::Absent;
    for value in headers.get_all(name) {
        if presence == VariablePresence::Present {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(value.as_bytes());
        presence = VariablePresence::Present;
    }
    presence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::Template;
    use http::HeaderValue;

    /// The value of each request variable is its name; headers are absent.
    struct Names;

    impl VariableSource<RequestVariable> for Names {
        fn write(&self, variable: &RequestVariable, out: &mut Vec<u8>) -> VariablePresence {
            let RequestVariable::Named(fact) = variable else { return VariablePresence::Absent };
            out.extend_from_slice(fact.name().as_bytes());
            VariablePresence::Present
        }
    }

    fn line(format: &str, escape: LogEscape) -> String {
        let format = CustomLogFormat { template: Template::parse(format).unwrap(), escape };
        let mut line = CustomLine::begin(Rc::new(format), &Names);
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("\"2\""));
        line.upstream_responded(&headers);
        line.response_started(&HeaderMap::new());
        let mut out = b"before\n".to_vec();
        line.finish(
            |outcome, out| {
                out.extend_from_slice(outcome.name().as_bytes());
                VariablePresence::Present
            },
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_in_the_order_of_the_format() {
        assert_eq!(
            line("$status $upstream_http_x_a [$remote_addr] $sent_http_x_a $http_x", LogEscape::Default),
            "before\nstatus 1, \\x222\\x22 [remote_addr] - -\n"
        );
    }

    #[test]
    fn json_escaping_writes_no_dash_for_an_absent_value() {
        assert_eq!(
            line(r#"{"a":"$upstream_http_x_a","b":"$http_x"}"#, LogEscape::Json),
            "before\n{\"a\":\"1, \\\"2\\\"\",\"b\":\"\"}\n"
        );
    }
}
