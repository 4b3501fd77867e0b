#!/usr/bin/env bash
# Creates a development CA and, for each host, a certificate with an ECDSA key and one with an RSA key.
#
#   certs/generate.sh [DIRECTORY [HOST...]]
#
# The directory defaults to this one, the hosts to gitlab.example.com and mattermost.example.com. Existing
# files are replaced. The CA key is deleted after signing: a client that trusts ca.pem trusts only the
# certificates of this run.
#
# Needs OpenSSL 3.

set -euo pipefail

# Browsers reject certificates with a lifetime of more than 398 days.
readonly DAYS=397

make_ca() {
    make_key ecdsa "$scratch/ca.key"
    ca_request >"$scratch/ca.cnf"
    openssl req -x509 -config "$scratch/ca.cnf" -key "$scratch/ca.key" -days "$DAYS" -out "$scratch/ca.pem"
    install -m 644 "$scratch/ca.pem" "$directory/ca.pem"
    echo "$directory/ca.pem"
}

# make_pair HOST ecdsa|rsa NAME writes NAME.crt, the chain with the host's certificate first, and NAME.key
# with mode 600.
make_pair() {
    local host=$1 algorithm=$2 name=$3
    make_key "$algorithm" "$scratch/leaf.key"
    openssl req -new -key "$scratch/leaf.key" -subj "/CN=$host" -out "$scratch/leaf.csr"
    leaf_extensions "$host" >"$scratch/leaf.cnf"
    openssl x509 -req -in "$scratch/leaf.csr" -CA "$scratch/ca.pem" -CAkey "$scratch/ca.key" \
        -set_serial "0x$(openssl rand -hex 16)" -days "$DAYS" -extfile "$scratch/leaf.cnf" \
        -out "$scratch/leaf.pem" 2>"$scratch/messages" || { cat "$scratch/messages" >&2; return 1; }
    cat "$scratch/leaf.pem" "$scratch/ca.pem" >"$scratch/chain.pem"
    install -m 644 "$scratch/chain.pem" "$directory/$name.crt"
    install -m 600 "$scratch/leaf.key" "$directory/$name.key"
    echo "$directory/$name.crt and .key ($algorithm)"
}

make_key() {
    case $1 in
        ecdsa) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
        rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
    esac
}

ca_request() {
    cat <<'END'
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = Gatepost development CA
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
END
}

leaf_extensions() {
    cat <<END
subjectAltName = DNS:$1
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
END
}

directory=${1:-$(dirname "$0")}
shift || true
if [ $# -eq 0 ]; then set -- gitlab.example.com mattermost.example.com; fi
[ -d "$directory" ] || { echo "$directory is not a directory; create it first" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make_ca
for host in "$@"; do
    make_pair "$host" ecdsa "$host"
    make_pair "$host" rsa "$host.rsa"
done
