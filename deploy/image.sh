#!/usr/bin/env bash
# Builds one image in Cloud Build, and pushes it once everything is well. Used by cloudbuild.yaml.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: deploy/image.sh build|push SERVICE

  build    into the local Docker, as tweetlog/SERVICE:BUILD_ID, with what the registry's cache has
  push     the same to Artifact Registry, with its list of contents (SBOM) and provenance; its
           digest goes to digests/SERVICE
  SERVICE  ingestor, enricher, loader or ops

reads PROJECT_ID, LOCATION, BUILD_ID, COMMIT_SHA, _DEPLOY and _SBOM from the environment

example: deploy/image.sh build enricher
TEXT
}

fail() {
  echo "image.sh: $1" >&2
  exit "${2:-1}"
}

build() {
  buildx --load --tag="tweetlog/$service:$BUILD_ID" --provenance=false .
}

push() {
  # The build of a pull request tests an image, and leaves none.
  [[ $_DEPLOY == true ]] || {
    echo "not pushed: _DEPLOY is $_DEPLOY"
    exit 0
  }
  local written=digests/$service.json digest
  mkdir -p digests
  buildx --push --tag="$registry/$service:${COMMIT_SHA:-$BUILD_ID}" --metadata-file="$written" \
    --cache-to="type=registry,ref=$registry/cache:$service,mode=max,image-manifest=true" \
    --attest="type=sbom,generator=$_SBOM" --attest=type=provenance,mode=max .
  digest=$(sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' "$written")
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$written names no digest: $(cat "$written")"
  echo "$digest" >"digests/$service"
}

buildx() {
  docker buildx build --builder=tweetlog --platform=linux/amd64 --build-arg="SERVICE=$service" \
    --cache-from="type=registry,ref=$registry/cache:$service" "$@"
}

case ${1:-} in
  build | push) ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
service=${2:-}
[[ $service =~ ^(ingestor|enricher|loader|ops)$ ]] || fail "no image '$service'; see --help" 2
[[ $LOCATION =~ ^[a-z]+-[a-z]+[0-9]+$ ]] || fail "build in a region: --region, not '$LOCATION'" 2
readonly registry=$LOCATION-docker.pkg.dev/$PROJECT_ID/tweetlog
"$1"
