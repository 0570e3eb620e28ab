// Package apiconn is the domain of Patchbay: what an identity API connector is, what may be asked of it, and the one
// error type that every room speaks.
//
// Names are Microsoft Graph's where one exists (identityApiConnector, targetUrl, certificateList). The package does no
// I/O, imports nothing else of this module, and knows neither HTTP, JSON nor SQL: those live in the edges and the store.
package apiconn
