//! Who may reach a route: an ordered list of networks, as nginx's `allow` and `deny`.

use std::fmt;
use std::net::IpAddr;

use super::network::Cidr;

/// Rules in the order in which they are tried. The first that matches decides; where none does, the
/// client may pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessRules(Vec<AccessRule>);

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    pub permission: AccessAction,
    pub clients: ClientMatch,
}

/// What a rule does to those it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessAction {
    Allow,
    Deny,
}

/// Whom a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMatch {
    All,
    Within(Cidr),
}

/// Why a text is no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidAccessRule {
    /// It begins neither with `allow` nor with `deny`.
    Permission,
    /// What follows is neither an address nor a network nor `all`.
    Clients,
}

impl AccessRules {
    /// No rules.
    pub const EVERYBODY: AccessRules = AccessRules(Vec::new());

    pub fn new(rules: Vec<AccessRule>) -> AccessRules {
        AccessRules(rules)
    }

    /// Whether a client may pass. An IPv4 client of an IPv6 socket counts as what it is.
    pub fn allows(&self, client: IpAddr) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let decisive = self.0.iter().find(|rule| rule.clients.include(client));
        decisive.is_none_or(|rule| rule.permission == AccessAction::Allow)
    }

    pub fn iter(&self) -> impl Iterator<Item = &AccessRule> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AccessRule {
    /// Reads `allow 10.0.0.0/8`, `deny 2001:db8::1` or `deny all`.
    pub fn parse(text: &str) -> Result<AccessRule, InvalidAccessRule> {
        let (permission, clients) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let permission = match permission {
            "allow" => AccessAction::Allow,
            "deny" => AccessAction::Deny,
            _ => return Err(InvalidAccessRule::Permission),
        };
        Ok(AccessRule { permission, clients: ClientMatch::parse(clients.trim())? })
    }
}

impl fmt::Display for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permission = match self.permission {
            AccessAction::Allow => "allow",
            AccessAction::Deny => "deny",
        };
        write!(f, "{permission} {}", self.clients)
    }
}

impl ClientMatch {
    /// Reads an address, a network, or `all`. As in nginx, bits beyond the prefix mean nothing.
    pub fn parse(text: &str) -> Result<ClientMatch, InvalidAccessRule> {
        if text == "all" {
            return Ok(ClientMatch::All);
        }
        text.parse().map(ClientMatch::Within).map_err(|_| InvalidAccessRule::Clients)
    }

    fn include(&self, client: IpAddr) -> bool {
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
            InvalidAccessRule::Permission => "a rule begins with `allow` or `deny`",
            InvalidAccessRule::Clients => "an address, a network or `all` follows `allow` and `deny`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> AccessRules {
        AccessRules::new(texts.iter().map(|text| AccessRule::parse(text).unwrap()).collect())
    }

    fn permits(rules: &AccessRules, client: &str) -> bool {
        rules.allows(client.parse().unwrap())
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let list = rules(&["deny 10.1.0.0/16", "allow 10.0.0.0/8", "allow 2001:db8::/32", "deny all"]);
        assert!(permits(&list, "10.2.0.1"));
        assert!(!permits(&list, "10.1.0.1"));
        assert!(permits(&list, "2001:db8::7"));
        assert!(!permits(&list, "2001:db9::7"));
        assert!(!permits(&list, "192.0.2.1"));
    }

    #[test]
    fn who_is_in_no_rule_may_pass() {
        assert!(permits(&rules(&[]), "192.0.2.1"));
        assert!(permits(&rules(&["deny 10.0.0.0/8"]), "192.0.2.1"));
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_counts_as_ipv4() {
        assert!(!permits(&rules(&["deny 10.0.0.0/8"]), "::ffff:10.0.0.1"));
        assert!(!permits(&rules(&["deny ::ffff:10.0.0.0/104"]), "10.0.0.1"));
        assert!(permits(&rules(&["deny ::1"]), "127.0.0.1"));
    }

    #[test]
    fn rules_are_read_and_written_alike() {
        for text in ["allow 10.0.0.0/8", "deny 192.0.2.1", "allow 2001:db8::/32", "deny all", "allow ::1"] {
            assert_eq!(AccessRule::parse(text).map(|rule| rule.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(AccessRule::parse("deny  10.1.2.3/8").unwrap().to_string(), "deny 10.0.0.0/8");
        assert_eq!(AccessRule::parse("permit all"), Err(InvalidAccessRule::Permission));
        for text in ["allow", "deny example.com", "deny 10.0.0.0/33", "allow unix:"] {
            assert_eq!(AccessRule::parse(text), Err(InvalidAccessRule::Clients), "{text}");
        }
    }
}
