package config

// kmsSettings says which service opens a wrapped master key, and how it is asked.
func kmsSettings(c *Config) []setting {
	return []setting{
		{
			key: "master_key_kms", into: &c.MasterKeyKMS,
			help: "Key of a key management service that wraps the master key, as a URI: `hcvault://host:port/transit/keys/NAME` (HashiCorp Vault, OpenBao), `aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID`, `gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K`. The plain key is in memory only. AWS and Google are asked with the credentials, and at the endpoints, that their libraries find in the environment and on the machine. Default: none; the master key is not wrapped.",
		},
		{
			key: "kms.token", into: &c.KMS.Token, envOnly: true, check: oneToken,
			help: "Token for HashiCorp Vault or OpenBao. It may decrypt with the key that master_key_kms names, and needs no more. Never printed.",
		},
		{
			key: "kms.token_file", into: &c.KMS.TokenFile,
			help: "File of the token, as a Vault agent keeps it. Read anew at every attempt. Must not be readable by everybody. With neither token nor file none is sent, for an agent that adds its own.",
		},
		{
			key: "kms.namespace", into: &c.KMS.Namespace,
			help: "Namespace in HashiCorp Vault or OpenBao. Default: none.",
		},
		{
			key: "kms.tls.mode", into: &c.KMS.TLS.Mode, def: ModeOn, oneOf: []string{ModeOn, ModeOff},
			help: "TLS to HashiCorp Vault or OpenBao. Off goes to a loopback address only, such as that of an agent, unless kms.allow_http is set.",
		},
		{
			key: "kms.tls.ca_file", into: &c.KMS.TLS.CAFile,
			help: "PEM file of the certificate authorities that the certificate of HashiCorp Vault or OpenBao must come from. Default: the system's.",
		},
		{
			key: "kms.allow_http", into: &c.KMS.AllowHTTP, def: "false",
			help: "With kms.tls.mode off, go to any address. Whoever listens on the way gets the token and the master key.",
		},
	}
}

func oneToken(c *Config) string {
	if !c.KMS.Token.IsZero() && c.KMS.TokenFile != "" {
		return "does not go with kms.token_file; set one of them"
	}
	return ""
}
