#!/usr/bin/env bash
# Renders an overlay: bases, sizes, place and digests, into one file a resource, sorted by who
# applies it:
#
#   FOLDER/operator/   a person, with kubectl: permissions, accounts, what holds data
#   FOLDER/build/      the build, with kubectl: the ingestor, topics, subscriptions, alerts
#   FOLDER/gcloud/     the build, with `gcloud run services replace` and `gcloud run jobs replace`
#
# Needs kubectl (or kustomize). Changes nothing but FOLDER, talks to nobody.
set -euo pipefail

readonly IMAGES=(ingestor enricher loader ops)
readonly NO_DIGEST=sha256:0000000000000000000000000000000000000000000000000000000000000000

usage() {
  cat <<'TEXT'
usage: k8s/render.sh OVERLAY FOLDER [IMAGE=DIGEST ...]

  OVERLAY   dev or prod: a folder of k8s/overlays
  FOLDER    where the render goes; must be new or empty
  IMAGE     ingestor, enricher, loader or ops, each as sha256:...; all four or none. With none,
            what runs an image is left out

example: k8s/render.sh prod /tmp/render
TEXT
}

fail() {
  echo "render.sh: $1" >&2
  exit "${2:-2}"
}

# Prints one value of the overlay's place, after a check that it is well formed.
place() {
  local name=$1 pattern=$2 value
  value=$(sed -n "s/^$name=//p" "$place_file")
  [[ $value =~ ^($pattern)$ ]] ||
    fail "$place_file: $name is '$value'; it has to match $pattern (k8s/bootstrap.sh writes it)"
  echo "$value"
}

# Prints the digest given for an image, or zeros.
digest() {
  local image=$1 argument
  for argument in "${digests[@]}"; do
    if [[ $argument == "$image="* ]]; then
      echo "${argument#*=}"
      return
    fi
  done
  echo "$NO_DIGEST"
}

check_digests() {
  local argument
  for argument in "${digests[@]}"; do
    [[ $argument =~ ^(ingestor|enricher|loader|ops)=sha256:[0-9a-f]{64}$ ]] ||
      fail "'$argument' is not IMAGE=sha256:... of ${IMAGES[*]}"
  done
  ((${#digests[@]} == 0 || ${#digests[@]} == ${#IMAGES[@]})) ||
    fail "digests of ${#digests[@]} of the ${#IMAGES[@]} images (${IMAGES[*]}); give all or none"
  [[ -z $(printf '%s\n' "${digests[@]%%=*}" | sort | uniq -d) ]] || fail "an image is given twice"
}

kustomize_into() {
  if command -v kustomize >/dev/null; then
    kustomize build "$1" --output "$2"
  elif command -v kubectl >/dev/null; then
    kubectl kustomize "$1" --output "$2"
  else
    fail "neither kubectl nor kustomize is on PATH" 1
  fi
}

# Moves each resource to the folder of who applies it, as KIND-NAME.yaml. The namespace sorts first:
# kubectl applies a folder in the order of its names.
sort_into() {
  local file kind name by
  for file in "$1"/*.yaml; do
    kind=$(sed -n 's/^kind: //p' "$file" | tr '[:upper:]' '[:lower:]')
    name=$(sed -n '/^metadata:/,/^[a-z]/s/^  name: //p' "$file")
    by=$(sed -n '/^metadata:/,/^[a-z]/s/^    applied-by: //p' "$file")
    [[ $by =~ ^(operator|build|gcloud)$ ]] || fail "$kind $name: label applied-by is '$by'" 1
    [[ $kind != namespace ]] || kind=00-namespace
    mv "$file" "$2/$by/$kind-$name.yaml"
  done
}

main() {
  if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    usage
    exit 0
  fi
  (($# >= 2)) || {
    usage >&2
    exit 2
  }
  local overlay folder k8s left image
  overlay=$1 folder=$2
  digests=("${@:3}")
  k8s=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  place_file=$k8s/overlays/$overlay/place.env
  [[ -f $place_file ]] || fail "no overlay $overlay: $place_file is not there"
  [[ -z $(ls -A "$folder" 2>/dev/null) ]] || fail "$folder is not empty"
  check_digests

  local project number region email
  project=$(place project '[a-z][a-z0-9-]{4,28}[a-z0-9]')
  number=$(place project_number '[0-9]{6,20}')
  region=$(place region '[a-z]+-[a-z]+[0-9]+')
  email=$(place alert_email '[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+')

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  kustomize_into "$k8s/overlays/$overlay" "$work" || fail "kustomize refused $k8s/overlays/$overlay" 1
  sed -i.before -e "s/PROJECT_NUMBER/$number/g" -e "s/PROJECT_ID/$project/g" \
    -e "s/REGION/$region/g" -e "s/ALERT_EMAIL/$email/g" -e "s/OVERLAY_NAME/$overlay/g" "$work"/*.yaml
  for image in "${IMAGES[@]}"; do
    sed -i.before "s|/$image@$NO_DIGEST|/$image@$(digest "$image")|" "$work"/*.yaml
  done
  rm "$work"/*.before

  left=$(grep -lr "$NO_DIGEST" "$work" || true)
  if [[ -n $left ]]; then
    ((${#digests[@]} == 0)) || fail "no digest for: $left" 1
    # shellcheck disable=SC2086 # our own names, one a word
    rm $left
    echo "render.sh: no digests, so nothing that runs an image" >&2
  fi
  mkdir -p "$folder"/{operator,build,gcloud}
  sort_into "$work" "$folder"
}

main "$@"
