"""Keys of yaook/k8s v3 to v8 that have no place in our configuration, each group with the reason; data only.

A `*` stands for one part of a key, `**` for everything below. Keys, meanings and defaults are those of the
config.toml templates of v3.0.3 to v8.1.4.
"""

from __future__ import annotations

TERRAFORM_STATE = "there is no Terraform here: what the harbour made is listed in state/harbour.json"
MACHINES = "[harbour.openstack] has no key for this yet: flavors, images, zones and disks of machines are not settable"
NO_VAULT = "there is no Vault here: secrets are files in secrets/, made by the tool"
NO_IPSEC = "there is no IPsec here; it was a customer's special case there, and removed in v15"
NO_PROXY_KEYS = "there is no key for a proxy; package and image sources can be mirrors, or a bundle needs none"
GPU = "drivers and plugins for GPUs are not installed; do it in the customization layer"
LOCAL_STORAGE = "local storage classes are not installed; do it in the customization layer"
LBAAS = "the load balancer has only the keys enabled, version, namespace and values here"
ROOK = "is a Helm value of the Rook charts: write it into ksl.rook.values"
MONITORING = "is a Helm value of the Prometheus stack: write it into ksl.monitoring.values"
CERT_MANAGER = "issuers are objects in the cluster: make them in the customization layer"
INGRESS = "is a Helm value of the ingress chart: write it into ksl.ingress.values"
CHART = "chart versions are those this release was made for, unless you set version; theirs is for older clusters"
SCHEDULING = "write node selectors and tolerations into the values of the service; the labels themselves are mapped"
INSTALL = "enabled says it all here; a service that is switched off is removed, and that asks for consent"
ETCD_BACKUP = "object storage is not configured here; snapshots on the nodes have [kubernetes.etcd_backup]"
VAULT_SERVICE = "Vault is not among the services here; install it in the customization layer"
FLUX = "Flux is not among the services here; install it in the customization layer"
CALICO = "Calico is installed with the settings of its manifest; change its objects in the customization layer"
KUBEADM = "is not settable here"
USERS = "users of one company came from its own repository; SSH users belong to the customization layer"
BIRD = "BIRD does not run here: pod routes are those of the CNI"

LEFT: dict[str, str] = {
    "vault.cluster_name": NO_VAULT,
    "vault.**": NO_VAULT,
    "passwordstore.**": "password-store is not used here: secrets are files in secrets/ (it was dropped there, too)",
    "bird.**": BIRD,
    "cah-users.**": USERS,
    "testing.**": "is for the tests of their project",
    "nvidia.**": GPU,
    "ipsec.**": NO_IPSEC,
    "custom.**": "variables for your own plays: put them into k8s-custom",
    "node-scheduling.scheduling_key_prefix": "has no key of its own; it is written out in labels and taints",
    "wireguard.rollout_company_users": USERS,
    "wireguard.use_company_users": USERS,
    "miscellaneous.openstack_network_name": "the harbour names its network itself",
    "miscellaneous.vm_max_map_count": "kernel settings beyond what Kubernetes needs: set them in customization",
    "miscellaneous.check_openstack_credentials": "credentials are always checked before anything is changed",
    "miscellaneous.docker_insecure_registries": "registries without TLS are not supported; a mirror may be http",
    "miscellaneous.container_mirror_default_host": "has no key of its own; it is part of the mirrors' endpoints",
    "miscellaneous.custom_chrony_configuration": "ntp_servers stands for itself here",
    "miscellaneous.custom_ntp_pools": "only servers are settable (trampoline.ntp_servers), not pools",
    "miscellaneous.apt_proxy_url": "there is no key for a package proxy; set it up in the machines' images",
    "miscellaneous.pip_mirror_url": "nothing is installed with pip on the nodes",
    "miscellaneous.journald_storage": "the journal stays as the distribution has it; change it in customization",
    "load-balancing.vrrp_priorities": "priorities follow the order of the frontends; the first has the highest",
    "load-balancing.openstack_lbaas": "there is no key for Octavia; services of type LoadBalancer are in [kms]",
    "load-balancing.haproxy_stats_port": "has no key; the statistics are not open to the outside",
    "load-balancing.deprecated_nodeport_lb_test_port": "is for the tests of their project",
    "kubernetes.apiserver.memory_limit": KUBEADM,
    "kubernetes.controller_manager.large_cluster_size_threshold": KUBEADM,
    "kubernetes.controller_manager.enable_signing_requests": KUBEADM,
    "kubernetes.storage.nodeplugin_toleration": ROOK,
    "kubernetes.storage.cinder_enable_topology": "the storage driver for Cinder is not installed by this release",
    "kubernetes.local_storage.**": LOCAL_STORAGE,
    "kubernetes.global_monitoring.nodeport": "global monitoring is not offered (it was dropped there in v7)",
    "kubernetes.global_monitoring.nodeport_name": "global monitoring is not offered (it was dropped there in v7)",
    "kubernetes.network.bgp_announce_service_ips": CALICO,
    "kubernetes.network.ipv4_enabled": "IPv4 is always on",
    "k8s-service-layer.rook.version": CHART,
    "k8s-service-layer.prometheus.prometheus_stack_version": CHART,
    "k8s-service-layer.prometheus.thanos_chart_version": CHART,
    "k8s-service-layer.prometheus.prometheus_adapter_version": CHART,
    "k8s-service-layer.prometheus.blackbox_version": CHART,
    "k8s-service-layer.cert-manager.chart_version": CHART,
    "k8s-service-layer.ingress.chart_version": CHART,
    "k8s-service-layer.prometheus.install": INSTALL,
    "k8s-service-layer.cert-manager.install": INSTALL,
    "k8s-service-layer.ingress.install": INSTALL,
    "k8s-service-layer.rook.scheduling_key": SCHEDULING,
    "k8s-service-layer.rook.mon_scheduling_key": SCHEDULING,
    "k8s-service-layer.rook.mgr_scheduling_key": SCHEDULING,
    "k8s-service-layer.prometheus.scheduling_key": SCHEDULING,
    "k8s-service-layer.cert-manager.scheduling_key": SCHEDULING,
    "k8s-service-layer.ingress.scheduling_key": SCHEDULING,
    "k8s-service-layer.vault.**": VAULT_SERVICE,
    "k8s-service-layer.fluxcd.**": FLUX,
    "k8s-service-layer.rook.pools.**": "pools are objects in the cluster: make them in the customization layer",
    "k8s-service-layer.rook.nodes.**": ROOK,
    "k8s-service-layer.prometheus.internet_probe_targets.**": MONITORING,
    "k8s-service-layer.prometheus.remote_writes.**": MONITORING,
    "k8s-service-layer.prometheus.common_labels.**": MONITORING,
    "remote_writes.**": MONITORING,
    "k8s-service-layer.rook.on_openstack": "follows from cluster.harbour",
}
"""Pattern -> why it is not mapped."""

LEFT_IN: dict[str, tuple[str, str]] = {
    "terraform": (
        "keypair master_names worker_names master_flavors worker_flavors master_images worker_images master_azs "
        "worker_azs default_master_flavor default_worker_flavor gateway_flavor default_master_image_name "
        "default_worker_image_name gateway_image_name masters workers gateway_count enable_az_management "
        "spread_gateways_across_azs create_root_disk_on_volume root_disk_volume_type master_root_disk_sizes "
        "worker_root_disk_sizes master_root_disk_volume_types worker_root_disk_volume_types "
        "default_master_root_disk_size default_worker_root_disk_size gateway_root_disk_volume_size "
        "gateway_root_disk_volume_type worker_join_anti_affinity_group worker_anti_affinity_group_name "
        "gateway_defaults.** master_defaults.** worker_defaults.** nodes.**",
        MACHINES,
    ),
    "terraform.": (
        "timeout_time gitlab_backend gitlab_base_url gitlab_project_id gitlab_state_name prevent_disruption "
        "thanos_delete_container monitoring_manage_thanos_bucket",
        TERRAFORM_STATE,
    ),
    "ch-k8s-lbaas": (
        "shared_secret version agent_port port_manager static_ipv4_addresses agent_urls controller_cpu_request "
        "controller_memory_request controller_cpu_limit controller_memory_limit enable_snat",
        LBAAS,
    ),
    "kubernetes.network.calico": (
        "mtu encapsulation ipipmode calico_ip_autodetection_method values_file_path custom_version",
        CALICO,
    ),
    "k8s-service-layer.rook": (
        "cluster_name use_helm custom_ceph_version dashboard nodeplugin_toleration mon_volume mon_volume_storage_class "
        "mon_volume_size use_host_networking skip_upgrade_checks rook_manage_pod_budgets manage_pod_budgets "
        "csi_plugins nmons nmgrs nosds osd_volume_size osd_storage_class osd_anti_affinity osd_autodestroy_safe "
        "toolbox ceph_fs ceph_fs_name ceph_fs_replicated ceph_fs_preserve_pools_on_delete preserve_pools encrypt_osds "
        "mon_memory_request mon_memory_limit mon_cpu_request mon_cpu_limit osd_memory_request osd_memory_limit "
        "osd_cpu_request osd_cpu_limit mgr_memory_request mgr_memory_limit mgr_cpu_request mgr_cpu_limit "
        "mds_memory_request mds_memory_limit mds_cpu_request mds_cpu_limit operator_memory_request "
        "operator_memory_limit operator_cpu_request operator_cpu_limit mon_resources.** osd_resources.** "
        "mgr_resources.** mds_resources.** operator_resources.** use_all_available_nodes use_all_available_devices",
        ROOK,
    ),
    "k8s-service-layer.prometheus": (
        "prometheus_persistent_storage_class prometheus_persistent_storage_resource_request persistent_storage_class "
        "use_grafana grafana_persistent_storage_class grafana_admin_secret_name use_thanos use_helm_thanos "
        "manage_thanos_bucket thanos_storage_class thanos_store_storage_size thanos_compactor_storage_size "
        "thanos_retention_resolution_raw thanos_objectstorage_container_name thanos_objectstorage_config_file "
        "thanos_objectstorage_config_path thanos_store_in_memory_max_size use_inmemory_index_cache "
        "monitor_all_namespaces alertmanager_replicas alertmanager_memory_request alertmanager_memory_limit "
        "alertmanager_cpu_request alertmanager_cpu_limit prometheus_memory_request prometheus_memory_limit "
        "prometheus_cpu_request prometheus_cpu_limit grafana_memory_request grafana_memory_limit grafana_cpu_request "
        "grafana_cpu_limit kube_state_metrics_memory_request kube_state_metrics_memory_limit "
        "kube_state_metrics_cpu_request kube_state_metrics_cpu_limit thanos_sidecar_memory_request "
        "thanos_sidecar_memory_limit thanos_sidecar_cpu_request thanos_sidecar_cpu_limit thanos_query_memory_request "
        "thanos_query_memory_limit thanos_query_cpu_request thanos_query_cpu_limit thanos_store_memory_request "
        "thanos_store_memory_limit thanos_store_cpu_request thanos_store_cpu_limit internet_probe "
        "allow_external_rules",
        MONITORING,
    ),
    "k8s-service-layer.cert-manager": (
        "letsencrypt_email letsencrypt_preferred_chain letsencrypt_ingress letsencrypt_server",
        CERT_MANAGER,
    ),
    "k8s-service-layer.ingress": (
        "service_type nodeport_http nodeport_https enable_ssl_passthrough replica_count allow_snippet_annotations "
        "memory_request memory_limit cpu_request cpu_limit",
        INGRESS,
    ),
    "k8s-service-layer.etcd-backup": (
        "schedule bucket_name file_prefix vault_mount_point vault_path days_of_retention chart_version metrics_port",
        ETCD_BACKUP,
    ),
}
"""Section -> its keys, and the one reason for them all; a dot at the end only tells groups of one section apart."""

ENVIRONMENT: dict[str, str] = {
    "OS_*": "credentials of OpenStack are read from your environment or clouds.yaml, as with its other clients",
    "MANAGED_K8S_RELEASE_THE_KRAKEN": "what is destructive asks for consent by name here, in every run anew",
    "MANAGED_K8S_DISRUPT_THE_HARBOUR": "what is destructive asks for consent by name here, in every run anew",
    "MANAGED_K8S_NUKE_FROM_ORBIT": "what is destructive asks for consent by name here, in every run anew",
    "MANAGED_K8S_SSH_USER": "the login user is a key of each machine (harbour.baremetal.nodes, ssh_user)",
    "MANAGED_K8S_*": "is for their tool itself",
    "MANAGED_CH_ROLE_USER_GIT": USERS,
    "SSH_COMPANY_USERS": USERS,
    "WG_COMPANY_USERS": USERS,
    "TERRAFORM_MODULE_PATH": TERRAFORM_STATE,
    "TF_HTTP_*": TERRAFORM_STATE,
    "TF_VAR_keypair": MACHINES,
    "VAULT_*": NO_VAULT,
    "USE_VAULT_IN_DOCKER": NO_VAULT,
    "YAOOK_K8S_*": NO_VAULT,
    "wg_*": "your own end of the VPN: `yk8s-tui vpn show NAME` prints the client file",
    "AFLAGS": "arguments for Ansible are not passed on; apply has --limit, --check and --layer",
    "KUBECONFIG": "`yk8s-tui kubeconfig` writes one",
    "K8S_INSTALL_NODE_USAGE": "installing without Internet is done with bundles",
    "MINIMAL_ACCESS_VENV": "is for their tool itself",
    "TAROOK_*": "is for their tool itself",
    "PYTHON_KEYRING_BACKEND": "is for their tool itself",
    "LC_ALL": "is for their tool itself",
    "PATH": "is for their tool itself",
}
"""Variable of `.envrc` -> why it is not mapped; `*` stands for any end."""


def patterns() -> dict[str, str]:
    """Every pattern with its reason."""
    found = dict(LEFT)
    for section, (names, reason) in LEFT_IN.items():
        found |= {f"{section.rstrip('.')}.{name}": reason for name in names.split()}
    return found
