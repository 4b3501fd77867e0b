//! A line in a format of the administrator's, filled in as facts become known.
//!
//! Each variable is written at the moment in which its fact is there: those of the request when it comes,
//! headers when they pass, the rest at the end. So nothing of the request has to be kept for the line, be it
//! a tunnel of hours, and nothing is noted that no format asks for.

use std::ops::Range;
use std::rc::Rc;

use http::HeaderMap;

use super::clock;
use super::escape::escape_from;
use crate::model::log_format::{CustomLogFormat, LogEscape};
use crate::model::template::{TemplatePart, VariablePresence, VariableSource};
use crate::model::variable::{LogVariable, NamedResponseVariable, RequestVariable};

/// A line that is being filled in.
pub(super) struct CustomLine {
    format: Rc<CustomLogFormat>,
    /// The values that are known, escaped, in the order in which they became known.
    values: Vec<u8>,
    /// By piece of the format: where in `values` its value is.
    slots: Box<[Option<Range<usize>>]>,
}

impl CustomLine {
    /// The line of a request that has come.
    pub(super) fn begin(format: Rc<CustomLogFormat>, facts: &impl VariableSource<RequestVariable>) -> CustomLine {
        let slots = vec![None; format.template.parts().len()].into();
        let mut line = CustomLine { format, values: Vec::new(), slots };
        line.fill(|variable, out| match variable {
            // A line has the time at which it is written.
            LogVariable::Request(RequestVariable::Time(_)) => None,
            LogVariable::Request(variable) => Some(facts.write(variable, out)),
            _ => None,
        });
        line
    }

    /// The application has answered.
    pub(super) fn upstream_responded(&mut self, headers: &HeaderMap) {
        self.fill(|variable, out| match variable {
            LogVariable::UpstreamHeader(name) => Some(append_header(headers, name, out)),
            _ => None,
        });
    }

    /// The head of the answer goes to the client.
    pub(super) fn response_started(&mut self, headers: &HeaderMap) {
        self.fill(|variable, out| match variable {
            LogVariable::SentHeader(name) => Some(append_header(headers, name, out)),
            _ => None,
        });
    }

    /// Appends the line with its end to `out`, now that `outcome` can tell everything else.
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
            LogVariable::Response(wanted) => Some(outcome(*wanted, values)),
            // A header of an answer that never came.
            _ => Some(VariablePresence::Absent),
        });
        for (piece, slot) in self.format.template.parts().iter().zip(&self.slots) {
            match (piece, slot) {
                (TemplatePart::Literal(text), _) => out.extend_from_slice(text.as_bytes()),
                (TemplatePart::Variable(_), Some(at)) => out.extend_from_slice(&self.values[at.clone()]),
                (TemplatePart::Variable(_), None) => {}
            }
        }
        out.push(b'\n');
    }

    /// Fills in the variables that have no value yet and that `value` knows.
    fn fill(&mut self, mut value: impl FnMut(&LogVariable, &mut Vec<u8>) -> Option<VariablePresence>) {
        for (piece, slot) in self.format.template.parts().iter().zip(&mut self.slots) {
            let (TemplatePart::Variable(variable), None) = (piece, &slot) else { continue };
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

    /// Every fact of the request is its own name; headers are absent.
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
    fn values_stand_where_the_format_has_them_whenever_they_became_known() {
        assert_eq!(
            line("$status $upstream_http_x_a [$remote_addr] $sent_http_x_a $http_x", LogEscape::Default),
            "before\nstatus 1, \\x222\\x22 [remote_addr] - -\n"
        );
    }

    #[test]
    fn json_has_its_own_escaping_and_no_dash() {
        assert_eq!(
            line(r#"{"a":"$upstream_http_x_a","b":"$http_x"}"#, LogEscape::Json),
            "before\n{\"a\":\"1, \\\"2\\\"\",\"b\":\"\"}\n"
        );
    }
}
