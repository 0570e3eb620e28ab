package apiconn

// The authentication types as they are kept and read, by their Graph names (contract 1.1).
const (
	TypeBasicAuthentication             = "basicAuthentication"
	TypeClientCertificateAuthentication = "clientCertificateAuthentication"
)
