// Package k8scheck validates the manifests of launch k8s as the API server of Kubernetes does, with its own code. It is a module of its own:
// that code is large, and no part of the product. task test:k8s runs it.
package k8scheck
