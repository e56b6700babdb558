#!/usr/bin/env bash
# Makes what must exist before a push can deploy: APIs, a cluster with Config Connector, the link to
# the repository, and what an operator applies (k8s/base/platform/access). May be repeated: what is
# there already is left as it is. Prints each command before it runs it. See docs/deploy.md.
set -euo pipefail

readonly CLUSTER=tweetlog
readonly CONNECTION=github
# Of Config Connector; the one whose definitions the manifests were held against (docs/deploy.md).
readonly CONNECTOR=1.155.0
readonly REPOSITORY=tweetlog
readonly APIS=(
  artifactregistry bigquery bigquerystorage cloudbuild cloudresourcemanager cloudscheduler
  container iam iamcredentials logging monitoring pubsub run secretmanager serviceusage storage
  telemetry
)
# What Config Connector needs to make what k8s/ declares; it acts for whoever may write a resource
# in the cluster, so who that is matters (k8s/base/platform/access/deployer.yaml).
readonly CONNECTOR_ROLES=(
  artifactregistry.admin bigquery.admin cloudbuild.builds.editor cloudscheduler.admin
  iam.roleAdmin iam.serviceAccountAdmin iam.serviceAccountUser monitoring.editor pubsub.admin
  resourcemanager.projectIamAdmin run.admin secretmanager.admin serviceusage.serviceUsageAdmin
  storage.admin
)

usage() {
  cat <<'TEXT'
usage: k8s/bootstrap.sh OVERLAY --project ID --region REGION --alert-email ADDRESS
                        --repository URL [--dry-run]

  OVERLAY        dev or prod; its place.env is written from what follows
  --project      the Google Cloud project; it exists and has billing
  --region       where everything is made, such as europe-west1
  --alert-email  whom alerts go to
  --repository   the Git repository that is built, such as https://github.com/me/tweetlog.git
  --dry-run      print each command, run none, change nothing

exit codes: 0 done, 1 a command failed, 2 wrong usage, 3 waits for you (it says for what)

example: k8s/bootstrap.sh prod --project my-tweets --region europe-west1 \
           --alert-email me@example.com --repository https://github.com/me/tweetlog.git --dry-run
TEXT
}

fail() {
  echo "bootstrap.sh: $1" >&2
  exit "${2:-2}"
}

# Prints a command, then runs it.
run() {
  printf '+' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  [[ $dry_run == yes ]] || "$@"
}

# Whether a read-only command finds what it asks for. A dry run asks nothing and finds nothing.
found() {
  [[ $dry_run == no ]] && "$@" >/dev/null 2>&1
}

read_arguments() {
  overlay='' project='' region='' email='' repository='' dry_run=no
  while (($#)); do
    case $1 in
      -h | --help)
        usage
        exit 0
        ;;
      --dry-run) dry_run=yes ;;
      --project | --region | --alert-email | --repository)
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
          --project) project=$2 ;;
          --region) region=$2 ;;
          --alert-email) email=$2 ;;
          --repository) repository=$2 ;;
        esac
        shift
        ;;
      -*) fail "$1 is not known; see --help" ;;
      *)
        [[ -z $overlay ]] || fail "one overlay, not '$overlay' and '$1'"
        overlay=$1
        ;;
    esac
    shift
  done
}

check_arguments() {
  [[ -n $overlay ]] || fail "which overlay? dev or prod; see --help"
  [[ -f $k8s/overlays/$overlay/kustomization.yaml ]] || fail "no overlay $k8s/overlays/$overlay"
  [[ $project =~ ^[a-z][a-z0-9-]{4,28}[a-z0-9]$ ]] || fail "--project '$project' is no project id"
  [[ $region =~ ^[a-z]+-[a-z]+[0-9]+$ ]] || fail "--region '$region' is no region like europe-west1"
  [[ $email =~ ^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$ ]] || fail "--alert-email '$email' is no address"
  [[ $repository =~ ^https://[^[:space:]]+\.git$ ]] ||
    fail "--repository '$repository' is no address like https://github.com/me/tweetlog.git"
  local tool
  for tool in gcloud kubectl tar; do
    [[ $dry_run == yes ]] || command -v "$tool" >/dev/null || fail "$tool is not on PATH" 1
  done
}

enable_apis() {
  run gcloud services enable "${APIS[@]/%/.googleapis.com}" --project="$project"
}

write_place() {
  number=000000000000
  if [[ $dry_run == no ]]; then
    number=$(gcloud projects describe "$project" --format='value(projectNumber)') ||
      fail "no project $project, or you may not see it: gcloud auth login" 1
  fi
  echo "+ write k8s/overlays/$overlay/place.env" >&2
  [[ $dry_run == no ]] || return 0
  cat >"$k8s/overlays/$overlay/place.env" <<TEXT
# Where this overlay lives; k8s/bootstrap.sh writes it. k8s/render.sh puts it into the manifests.
project=$project
project_number=$number
region=$region
alert_email=$email
TEXT
}

# Makes an account, if it is not there, and gives it roles in the project.
make_account() {
  local account=$1@$project.iam.gserviceaccount.com role
  found gcloud iam service-accounts describe "$account" --project="$project" ||
    run gcloud iam service-accounts create "$1" --project="$project" --display-name="$2"
  for role in "${@:3}"; do
    run gcloud projects add-iam-policy-binding "$project" --condition=None --quiet \
      --format=none --member="serviceAccount:$account" --role="$role"
  done
}

make_cluster() {
  local place=(--project="$project" --region="$region")
  # The nodes' own identity: the project's default account may everything in an old project and,
  # in a new organisation, not even pull an image.
  make_account gke-nodes 'GKE nodes' roles/container.defaultNodeServiceAccount
  found gcloud container clusters describe "$CLUSTER" "${place[@]}" ||
    run gcloud container clusters create-auto "$CLUSTER" "${place[@]}" \
      --service-account="gke-nodes@$project.iam.gserviceaccount.com" \
      --release-channel=regular --enable-secret-manager
  # A new version of the secret reaches the pod's file by itself.
  run gcloud beta container clusters update "$CLUSTER" "${place[@]}" \
    --enable-secret-manager-rotation --secret-manager-rotation-interval=120s
  run gcloud container clusters get-credentials "$CLUSTER" "${place[@]}"
}

install_config_connector() {
  local account=config-connector@$project.iam.gserviceaccount.com
  make_account config-connector 'Config Connector' "${CONNECTOR_ROLES[@]/#/roles/}"
  run gcloud iam service-accounts add-iam-policy-binding "$account" --project="$project" \
    --format=none --role=roles/iam.workloadIdentityUser \
    --member="serviceAccount:$project.svc.id.goog[cnrm-system/cnrm-controller-manager]"
  # On Autopilot it is no add-on: its operator is applied by hand.
  found kubectl get crd configconnectors.core.cnrm.cloud.google.com || {
    run gcloud storage cp "gs://configconnector-operator/$CONNECTOR/release-bundle.tar.gz" "$work/"
    run tar --extract --gzip --file="$work/release-bundle.tar.gz" --directory="$work"
    run kubectl apply --filename="$work/operator-system/autopilot-configconnector-operator.yaml"
    run kubectl wait --for=condition=Established --timeout=5m \
      crd/configconnectors.core.cnrm.cloud.google.com
  }
  cat >"$work/configconnector.yaml" <<TEXT
apiVersion: core.cnrm.cloud.google.com/v1beta1
kind: ConfigConnector
metadata:
  name: configconnector.core.cnrm.cloud.google.com
spec:
  mode: cluster
  googleServiceAccount: $account
  stateIntoSpec: Absent
TEXT
  run kubectl apply --filename="$work/configconnector.yaml"
  run kubectl wait --for=jsonpath='{.status.healthy}'=true --timeout=15m \
    configconnector/configconnector.core.cnrm.cloud.google.com
}

connect_repository() {
  local place=(--project="$project" --region="$region") stage
  # Cloud Build keeps the token of the connection in Secret Manager.
  run gcloud projects add-iam-policy-binding "$project" --condition=None --quiet --format=none \
    --member="serviceAccount:service-$number@gcp-sa-cloudbuild.iam.gserviceaccount.com" \
    --role=roles/secretmanager.admin
  found gcloud builds connections describe "$CONNECTION" "${place[@]}" ||
    run gcloud builds connections create github "$CONNECTION" "${place[@]}"
  if [[ $dry_run == no ]]; then
    stage=$(gcloud builds connections describe "$CONNECTION" "${place[@]}" \
      --format='value(installationState.stage)')
    if [[ $stage != COMPLETE ]]; then
      gcloud builds connections describe "$CONNECTION" "${place[@]}" \
        --format='value(installationState.message,installationState.actionUri)' >&2
      fail "the connection to GitHub waits for you: open the address above, then run this again" 3
    fi
  fi
  found gcloud builds repositories describe "$REPOSITORY" --connection="$CONNECTION" \
    "${place[@]}" ||
    run gcloud builds repositories create "$REPOSITORY" --connection="$CONNECTION" \
      --remote-uri="$repository" "${place[@]}"
}

apply_operator() {
  local kinds=(
    iamserviceaccounts.iam artifactregistryrepositories.artifactregistry
    bigquerydatasets.bigquery secretmanagersecrets.secretmanager cloudbuildtriggers.cloudbuild
    storagebuckets.storage
  )
  kinds=("${kinds[@]/%/.cnrm.cloud.google.com}")
  run "$k8s/render.sh" "$overlay" "$work/render"
  run kubectl apply --filename="$work/render/operator/00-namespace-tweetlog.yaml"
  run kubectl apply --filename="$work/render/operator"
  run kubectl wait --namespace=tweetlog --for=condition=Ready --timeout=15m --all \
    "$(IFS=, && echo "${kinds[*]}")"
}

main() {
  k8s=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  read_arguments "$@"
  check_arguments
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  enable_apis
  write_place
  make_cluster
  install_config_connector
  connect_repository
  apply_operator
  cat <<TEXT

next, from the top of the repository:
  gcloud secrets versions add x-bearer-token --project=$project --data-file=FILE
  git add k8s/overlays/$overlay/place.env && git commit -m "Deploy to $project" && git push
TEXT
}

main "$@"
