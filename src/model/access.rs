//! Access control by client network: an ordered list of rules, as with nginx `allow` and `deny`.

use std::fmt;
use std::net::IpAddr;

use super::network::Cidr;

/// Ordered allow and deny rules. The first rule that matches decides; a client that no rule matches is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessRules(Vec<AccessRule>);

/// One allow or deny rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    pub action: AccessAction,
    pub clients: ClientMatch,
}

/// What a matching rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessAction {
    Allow,
    Deny,
}

/// The clients that a rule applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMatch {
    /// Every client (`all`).
    All,
    /// Clients with an address in the block.
    Within(Cidr),
}

/// Error returned when a text is not an access rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidAccessRule {
    /// The text does not start with `allow` or `deny`.
    Action,
    /// The part after the action is not an address, a CIDR block or `all`.
    Clients,
}

impl AccessRules {
    /// The empty list, which allows every client.
    pub const ALLOW_ALL: AccessRules = AccessRules(Vec::new());

    /// Returns a list that is tried in the given order.
    pub fn new(rules: Vec<AccessRule>) -> AccessRules {
        AccessRules(rules)
    }

    /// Returns whether a client address is allowed. IPv4-mapped IPv6 addresses match as IPv4.
    ///
    /// ```
    /// use gatepost::model::access::{AccessRule, AccessRules};
    ///
    /// let rules = ["deny 10.1.0.0/16", "allow 10.0.0.0/8", "deny all"];
    /// let rules = rules.iter().map(|rule| AccessRule::parse(rule)).collect::<Result<Vec<_>, _>>();
    /// let rules = AccessRules::new(rules.expect("three valid rules"));
    ///
    /// assert!(rules.allows([10, 2, 0, 1].into()));
    /// assert!(!rules.allows([10, 1, 0, 1].into()));
    /// assert!(!rules.allows([192, 0, 2, 1].into()));
    /// assert!(AccessRules::ALLOW_ALL.allows([192, 0, 2, 1].into()));
    /// ```
    pub fn allows(&self, client: IpAddr) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let decisive = self.0.iter().find(|rule| rule.clients.contains(client));
        decisive.is_none_or(|rule| rule.action == AccessAction::Allow)
    }

    /// Iterates over the rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &AccessRule> {
        self.0.iter()
    }

    /// Returns whether the list has no rules, and so allows every client.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AccessRule {
    /// Parses `allow 10.0.0.0/8`, `deny 2001:db8::1` or `deny all`.
    ///
    /// # Errors
    /// The action is unknown, or the clients are not an address, a CIDR block or `all`.
    pub fn parse(text: &str) -> Result<AccessRule, InvalidAccessRule> {
        let (action, clients) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let action = match action {
            "allow" => AccessAction::Allow,
            "deny" => AccessAction::Deny,
            _ => return Err(InvalidAccessRule::Action),
        };
        Ok(AccessRule { action, clients: ClientMatch::parse(clients.trim())? })
    }
}

impl fmt::Display for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            AccessAction::Allow => "allow",
            AccessAction::Deny => "deny",
        };
        write!(f, "{action} {}", self.clients)
    }
}

impl ClientMatch {
    /// Parses an address, a CIDR block or `all`. Bits beyond the prefix are cleared, as in nginx.
    ///
    /// # Errors
    /// [`InvalidAccessRule::Clients`] for any other text.
    pub fn parse(text: &str) -> Result<ClientMatch, InvalidAccessRule> {
        if text == "all" {
            return Ok(ClientMatch::All);
        }
        text.parse().map(ClientMatch::Within).map_err(|_| InvalidAccessRule::Clients)
    }

    fn contains(&self, client: IpAddr) -> bool {
        match self {
            ClientMatch::All => true,
            ClientMatch::Within(network) => network.contains(client),
        }
    }
}

impl fmt::Display for ClientMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientMatch::All => f.write_str("all"),
            ClientMatch::Within(network) => network.fmt(f),
        }
    }
}

impl fmt::Display for InvalidAccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidAccessRule::Action => "expected `allow` or `deny`",
            InvalidAccessRule::Clients => "expected an IP address, a CIDR block or `all` after the action",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> AccessRules {
        AccessRules::new(texts.iter().map(|text| AccessRule::parse(text).unwrap()).collect())
    }

    fn allows(rules: &AccessRules, client: &str) -> bool {
        rules.allows(client.parse().unwrap())
    }

    #[test]
    fn first_matching_rule_decides() {
        let list = rules(&["deny 10.1.0.0/16", "allow 10.0.0.0/8", "allow 2001:db8::/32", "deny all"]);
        assert!(allows(&list, "10.2.0.1"));
        assert!(!allows(&list, "10.1.0.1"));
        assert!(allows(&list, "2001:db8::7"));
        assert!(!allows(&list, "2001:db9::7"));
        assert!(!allows(&list, "192.0.2.1"));
    }

    #[test]
    fn a_client_that_no_rule_matches_is_allowed() {
        assert!(allows(&rules(&[]), "192.0.2.1"));
        assert!(allows(&rules(&["deny 10.0.0.0/8"]), "192.0.2.1"));
    }

    #[test]
    fn ipv4_mapped_clients_match_as_ipv4() {
        assert!(!allows(&rules(&["deny 10.0.0.0/8"]), "::ffff:10.0.0.1"));
        assert!(!allows(&rules(&["deny ::ffff:10.0.0.0/104"]), "10.0.0.1"));
        assert!(allows(&rules(&["deny ::1"]), "127.0.0.1"));
    }

    #[test]
    fn parsed_rules_are_formatted_alike() {
        for text in ["allow 10.0.0.0/8", "deny 192.0.2.1", "allow 2001:db8::/32", "deny all", "allow ::1"] {
            assert_eq!(AccessRule::parse(text).map(|rule| rule.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(AccessRule::parse("deny  10.1.2.3/8").unwrap().to_string(), "deny 10.0.0.0/8");
        assert_eq!(AccessRule::parse("permit all"), Err(InvalidAccessRule::Action));
        for text in ["allow", "deny example.com", "deny 10.0.0.0/33", "allow unix:"] {
            assert_eq!(AccessRule::parse(text), Err(InvalidAccessRule::Clients), "{text}");
        }
    }
}
