#!/bin/sh
# Makes the secrets that compose.yaml mounts, once; what is there already stays.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { LC_ALL=C tr -dc 'a-f0-9' </dev/urandom | head -c 48; }
# The folder is closed to others; the files are open, because the containers' user, another than you, reads them.
put() { [ -e "secrets/$1" ] || { printf '%s\n' "$2" >"secrets/$1" && chmod 444 "secrets/$1"; }; }

if [ ! -e secrets/redis.conf ] || [ ! -e secrets/redis_url ]; then
  password=$(random)
  rm -f secrets/redis.conf secrets/redis_url
  put redis.conf "requirepass $password
appendonly yes
appendfsync everysec
save \"\"
maxmemory 1gb
maxmemory-policy noeviction
dir /data"
  put redis_url "redis://:$password@redis:6379/0"
fi
if [ ! -e secrets/postgres_password ] || [ ! -e secrets/database_url ]; then
  password=$(random)
  rm -f secrets/postgres_password secrets/database_url
  put postgres_password "$password"
  put database_url "postgresql+asyncpg://sayit:$password@postgres:5432/sayit"
fi
put internal_secret "$(random)"
echo "The secrets are in $(pwd)/secrets."
