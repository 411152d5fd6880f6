package k8scheck
