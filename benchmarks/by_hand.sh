#!/usr/bin/env bash
# The shortest way by hand: bare lab hosts to Ready nodes and CoreDNS, everything in parallel that can be.
# It does the same as `yk8s-tui apply` for 1 frontend, 1 control plane and any number of workers, without checking anything,
# without a second thought for failures, and without being able to run twice.
#
#   by_hand.sh CLUSTER_REPOSITORY BUNDLE FRONTEND=ADDRESS CONTROL_PLANE=ADDRESS WORKER=ADDRESS...
set -euo pipefail
repository=$1 bundle=$2 fe=${3#*=} cp=${4#*=} cp_name=${4%%=*}
shift 4
workers=("$@")
control=$(mktemp -d)
trap 'for a in "$fe" "$cp" "${workers[@]#*=}"; do on "$a" -O exit 2>/dev/null || true; done; rm -rf "$control"' EXIT
started=$(date +%s.%N)
lap() { printf '%6.1f s  %s\n' "$(echo "$(date +%s.%N) - $started" | bc)" "$1"; }

on() {
  local address=$1
  shift
  ssh -i "$repository/secrets/ssh/id_ed25519" -o UserKnownHostsFile="$repository/state/known_hosts" -o StrictHostKeyChecking=yes \
    -o ControlMaster=auto -o ControlPath="$control/%C" -o ControlPersist=60 "root@$address" "$@"
}

firewall() {
  cat <<NFT
cat > /etc/nftables.conf <<'RULES'
table inet byhand
delete table inet byhand
table inet byhand {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iif lo accept
    ip protocol icmp accept
    ip saddr { $cp, $fe, $(IFS=,; echo "${workers[*]#*=}"), 10.244.0.0/16 } accept
    tcp dport { 22, $1 } accept
  }
}
RULES
nft -f /etc/nftables.conf; systemctl enable -q nftables
NFT
}

frontend() {
  on "$fe" bash -s <<REMOTE
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq; apt-get install -y -qq --no-install-recommends haproxy keepalived nftables chrony >/dev/null 2>&1
printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\n' > /etc/ssh/sshd_config.d/10.conf; systemctl reload ssh
printf 'net.ipv4.ip_forward=1\nnet.ipv4.ip_nonlocal_bind=1\n' > /etc/sysctl.d/10.conf; sysctl -q --system
$(firewall 8888)
cat > /etc/haproxy/haproxy.cfg <<'CFG'
global
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen api
  bind *:8888
  option httpchk GET /readyz
  server cp $cp:6443 check check-ssl verify none inter 1s
CFG
systemctl enable -q haproxy; systemctl restart haproxy
REMOTE
}

kubernetes_node() {
  local address=$1
  shift
  on "$address" bash -s <<REMOTE &
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq; apt-get install -y -qq --no-install-recommends conntrack ethtool socat iptables nftables chrony containernetworking-plugins >/dev/null 2>&1
printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\n' > /etc/ssh/sshd_config.d/10.conf; systemctl reload ssh
printf 'net.ipv4.ip_forward=1\n' > /etc/sysctl.d/10.conf; sysctl -q --system
$(firewall 10250)
REMOTE
  local packages=$!
  tar -C "$bundle/bin" -cf - kubeadm kubelet kubectl containerd containerd-shim-runc-v2 ctr runc | on "$address" tar -C /usr/local/bin -xf -
  on "$address" bash -s <<'REMOTE'
set -e
mkdir -p /etc/containerd /etc/cni/net.d
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && systemd_cgroup=true || systemd_cgroup=false
cat > /etc/containerd/config.toml <<CFG
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "registry.k8s.io/pause:3.10.2"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = $systemd_cgroup
CFG
cat > /etc/systemd/system/containerd.service <<'UNIT'
[Service]
Type=notify
ExecStart=/usr/local/bin/containerd
Delegate=yes
KillMode=process
Restart=always
LimitNOFILE=1048576
[Install]
WantedBy=multi-user.target
UNIT
cat > /etc/systemd/system/kubelet.service <<'UNIT'
[Unit]
After=containerd.service
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload; systemctl enable -q kubelet; systemctl enable -q --now containerd
REMOTE
  local image
  for image in "$@"; do on "$address" ctr -n k8s.io images import - < "$bundle/images/$image.tar" >/dev/null 2>&1 & done
  wait
  wait "$packages" || true
}

node_name_option() { printf 'nodeRegistration: {name: %s, criSocket: "unix:///run/containerd/containerd.sock", imagePullPolicy: IfNotPresent}\n' "$1"; }

for address in "$fe" "$cp" "${workers[@]#*=}"; do on "$address" true & done
wait
frontend &
frontend_done=$!
kubernetes_node "$cp" kube-apiserver kube-controller-manager kube-scheduler etcd pause kube-proxy coredns &
cp_done=$!
for worker in "${workers[@]}"; do
  kubernetes_node "${worker#*=}" pause kube-proxy coredns &
done
wait "$frontend_done" "$cp_done"
lap "frontend and control plane prepared"

version=$(basename "$bundle")
on "$cp" bash -s <<REMOTE
set -e
cgroup=\$([ "\$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && echo 'cgroupDriver: systemd' || printf 'cgroupDriver: cgroupfs\nfailCgroupV1: false')
cat > /root/init.yaml <<YAML
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $cp}
$(node_name_option "$cp_name")
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: $version
controlPlaneEndpoint: $fe:8888
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
\$cgroup
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
conntrack: {maxPerCore: 0, min: 0}
YAML
kubeadm init --config /root/init.yaml --ignore-preflight-errors=SystemVerification >/dev/null 2>/root/init.err || { cat /root/init.err >&2; exit 1; }
REMOTE
lap "kubeadm init"
join=$(on "$cp" kubeadm token create --print-join-command 2>/dev/null)
joins=()
for worker in "${workers[@]}"; do
  (
    while ! on "${worker#*=}" "ctr -n k8s.io images ls -q | grep -q kube-proxy" 2>/dev/null; do :; done
    on "${worker#*=}" "$join --node-name ${worker%%=*} --ignore-preflight-errors=SystemVerification" >/dev/null 2>&1
  ) &
  joins+=($!)
done
wait "${joins[@]}"
lap "workers joined"

kubectl() { on "$cp" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
nodes=("$cp_name=$cp" "${workers[@]}")
while :; do
  cidrs=$(kubectl get nodes -o "jsonpath='{range .items[*]}{.metadata.name}={.spec.podCIDR}{\"\\n\"}{end}'")
  [ "$(grep -c =10 <<< "$cidrs")" = "${#nodes[@]}" ] && break
done
network=()
for node in "${nodes[@]}"; do
  (
    own=$(sed -n "s/^${node%%=*}=//p" <<< "$cidrs")
    routes=
    for other in "${nodes[@]}"; do
      [ "$other" = "$node" ] || routes+="ip route replace $(sed -n "s/^${other%%=*}=//p" <<< "$cidrs") via ${other#*=}; "
    done
    on "${node#*=}" "$routes cat > /etc/cni/net.d/10-routed.conflist" <<CNI
{"cniVersion":"1.0.0","name":"routed","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,
"ipam":{"type":"host-local","ranges":[[{"subnet":"$own"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}
CNI
  ) &
  network+=($!)
done
wait "${network[@]}"
lap "pod network"
kubectl wait --for=condition=Ready node --all --timeout=180s >/dev/null
kubectl -n kube-system wait --for=condition=Available deployment/coredns --timeout=180s >/dev/null
lap "nodes Ready, CoreDNS available"
