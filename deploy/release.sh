#!/usr/bin/env bash
# Deploys what a build has tested and pushed, stage by stage. Used by cloudbuild.yaml, which says in
# which order. Each command is printed before it runs.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: deploy/release.sh STAGE

  sign        the images, for Binary Authorization, if _ATTESTOR says by whom
  snapshot    the subscriptions, so that there is a way back
  render      k8s/overlays/$_OVERLAY with all digests, once, into render/
  warehouse   apply its SQL: columns are added, views renewed
  platform    topics, subscriptions, alerts; waits until they are there
  candidates  the loader and the enricher as revisions that get no traffic
  smoke       a real event through both candidates, until it is in the table
  shift       traffic to the candidates, the loader first; prints how to go back
  replay      the replay lane and the jobs
  ingestor    to GKE; waits for it, and goes back if it does not come up

reads PROJECT_ID, LOCATION, BUILD_ID, SHORT_SHA, _DEPLOY, _OVERLAY, _CLUSTER, _ATTESTOR and
_SIGNING_KEY from the environment, and the digests in digests/

example: _DEPLOY=true deploy/release.sh snapshot
TEXT
}

fail() {
  echo "release.sh: $1" >&2
  exit "${2:-1}"
}

# Prints a command, then runs it.
run() {
  printf '+' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  "$@"
}

digest_of() {
  local digest
  digest=$(cat "digests/$1") || fail "no digest of $1: was it pushed?"
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "digests/$1 is no digest: $digest"
  echo "$digest"
}

# Runs the operator's command as it was built, with the build's own account.
tweetlog() {
  run docker run --rm --network=cloudbuild "$registry/ops@$(digest_of ops)" "$@"
}

run_on_cluster() {
  run gcloud container clusters get-credentials "$_CLUSTER" "${place[@]}"
}

sign() {
  [[ -n $_ATTESTOR ]] || {
    echo "not signed: _ATTESTOR is empty"
    return
  }
  local image
  for image in "${IMAGES[@]}"; do
    run gcloud beta container binauthz attestations sign-and-create --project="$PROJECT_ID" \
      --artifact-url="$registry/$image@$(digest_of "$image")" \
      --attestor="$_ATTESTOR" --keyversion="$_SIGNING_KEY"
  done
}

snapshot() {
  local known one
  known=$(run gcloud pubsub subscriptions list --project="$PROJECT_ID" --format='value(name.basename())')
  for one in "${SUBSCRIPTIONS[@]}"; do
    if grep -qx "$one" <<<"$known"; then
      run gcloud pubsub snapshots create "before-$version-$one" --subscription="$one" \
        --project="$PROJECT_ID"
    else
      echo "no snapshot of $one: it is not there yet"
    fi
  done
}

render() {
  local image digests=()
  for image in "${IMAGES[@]}"; do
    digests+=("$image=$(digest_of "$image")")
  done
  local wanted place_file=k8s/overlays/$_OVERLAY/place.env
  for wanted in "project=$PROJECT_ID" "region=$LOCATION"; do
    grep -qx "$wanted" "$place_file" || fail "$place_file does not say $wanted; k8s/bootstrap.sh writes it"
  done
  run k8s/render.sh "$_OVERLAY" render "${digests[@]}"
}

warehouse() {
  tweetlog warehouse apply --project="$PROJECT_ID"
}

platform() {
  local file files=()
  for file in render/build/*.yaml; do
    # What reads from X comes last.
    [[ $file == */deployment-*.yaml ]] || files+=("--filename=$file")
  done
  run_on_cluster
  run kubectl apply "${files[@]}"
  # The first time, permissions on the tables follow the tables; Config Connector tries every two
  # minutes, and a permission takes some more until it is known everywhere.
  run kubectl wait pubsubtopics,pubsubsubscriptions --all --namespace=tweetlog \
    --for=condition=Ready --timeout=900s
}

candidates() {
  local service
  for service in loader enricher; do
    # A list, since asking for one that is not there and not being let ask look alike.
    run gcloud run services list --filter="metadata.name=$service" --format=json "${place[@]}" \
      >"render/$service.json"
    python3 deploy/candidate.py "render/$service.json" "render/gcloud/service-$service.yaml" \
      >"render/candidate-$service.yaml"
    run gcloud run services replace "render/candidate-$service.yaml" "${place[@]}"
  done
}

smoke() {
  tweetlog smoke --project="$PROJECT_ID"
}

shift_traffic() {
  local service
  for service in loader enricher; do
    run gcloud run services update-traffic "$service" --to-tags=candidate=100 "${place[@]}"
  done
  echo "the way back:"
  for service in enricher loader; do
    python3 deploy/candidate.py --back "render/$service.json" "${place[@]}"
  done
  for service in "${SUBSCRIPTIONS[@]}"; do
    echo "  gcloud pubsub subscriptions seek $service --snapshot=before-$version-$service --project=$PROJECT_ID"
  done
}

replay() {
  local file
  for file in loader enricher; do
    run gcloud run services replace "render/gcloud/service-$file-replay.yaml" "${place[@]}"
  done
  for file in render/gcloud/job-*.yaml; do
    run gcloud run jobs replace "$file" "${place[@]}"
  done
}

ingestor() {
  run_on_cluster
  run kubectl apply --filename=render/build/deployment-ingestor.yaml
  run kubectl rollout status deployment/ingestor --namespace=tweetlog --timeout=900s || {
    run kubectl rollout undo deployment/ingestor --namespace=tweetlog || true
    fail "the ingestor did not come up; the one before it runs again"
  }
}

readonly IMAGES=(ingestor enricher loader ops)
# Of what the two services read: what they acknowledge wrongly can be had again.
readonly SUBSCRIPTIONS=(tweets-raw-enricher tweets-enriched-loader)

case ${1:-} in
  sign | snapshot | render | warehouse | platform | candidates | smoke | replay | ingestor)
    stage=$1
    ;;
  shift) stage=shift_traffic ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
[[ $_DEPLOY == true ]] || {
  echo "not deployed: _DEPLOY is $_DEPLOY"
  exit 0
}
readonly registry=$LOCATION-docker.pkg.dev/$PROJECT_ID/tweetlog
readonly version=${SHORT_SHA:-$BUILD_ID}
readonly place=(--project="$PROJECT_ID" --region="$LOCATION")
"$stage"
