package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
	"github.com/patchbay/patchbay/internal/config"
)

func (c *cli) key() *cobra.Command {
	return noun("key", "Master key, data keys and token signing keys",
		c.keyGenerate(), c.keyWrap(), c.keyUnwrap(), c.keyRotate(), c.keyVerify(), c.keyRewrap(), c.keyRotateSigning())
}

func (c *cli) keyGenerate() *cobra.Command {
	cmd := c.verb("generate", "Make a master key file", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.load(cmd, nil)
		if err != nil {
			return err
		}
		if err := app.GenerateMasterKey(cmd.Context(), cfg); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s holds a new master key%s. Keep a copy in a safe place: without it no secret can be read.\n", cfg.MasterKeyFile, wrappedBy(cfg.MasterKeyKMS))
		return nil
	})
	config.AddFlags(cmd.Flags(), nil, append(keySettings(), "data_dir")...)
	return cmd
}

// keySettings are the settings that say where the master key is.
func keySettings() []string {
	return []string{"master_key_file", "master_key_kms", "kms.token_file", "kms.namespace", "kms.tls.mode", "kms.tls.ca_file", "kms.allow_http"}
}

// wrappedBy ends a sentence about a master key.
func wrappedBy(uri string) string {
	if uri == "" {
		return ""
	}
	return ", wrapped by " + uri
}

// flagNewKeyFile and flagNewKMS say where a master key goes.
const (
	flagNewKeyFile = "new-master-key-file"
	flagNewKMS     = "new-master-key-kms"
)

func (c *cli) keyWrap() *cobra.Command {
	var path, uri string
	cmd := c.verb("wrap", "Put the master key under a key management service", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.load(cmd, nil)
		if err != nil {
			return err
		}
		if err := app.WrapMasterKey(cmd.Context(), cfg, path, uri); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s holds the master key%s. Set master_key_file and master_key_kms to them and start the service anew, then destroy the old file.\n", path, wrappedBy(uri))
		return nil
	})
	cmd.Long = `Write the master key that the settings name to another file, wrapped by a key of a key management service. It stays the
same key, so no secret is sealed again and no service has to be stopped. A key that is wrapped already is moved from one service to another.`
	cmd.Flags().StringVar(&path, flagNewKeyFile, "", "file to write the wrapped master key to")
	cmd.Flags().StringVar(&uri, flagNewKMS, "", "URI of the key that wraps it")
	require(cmd, flagNewKeyFile, flagNewKMS)
	config.AddFlags(cmd.Flags(), nil, append(keySettings(), "data_dir")...)
	return cmd
}

func (c *cli) keyUnwrap() *cobra.Command {
	var path string
	cmd := c.verb("unwrap", "Take the master key out of a key management service, into a file", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.load(cmd, nil)
		if err != nil {
			return err
		}
		if err := app.UnwrapMasterKey(cmd.Context(), cfg, path); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s holds the master key as it is. Set master_key_file to it, take master_key_kms away and start the service anew.\n", path)
		return nil
	})
	cmd.Flags().StringVar(&path, flagNewKeyFile, "", "file to write the plain master key to")
	require(cmd, flagNewKeyFile)
	config.AddFlags(cmd.Flags(), nil, append(keySettings(), "data_dir")...)
	return cmd
}

// rotation is what `key rotate -o json` prints.
type rotation struct {
	Key      uint32   `json:"data_key"`
	Resealed int64    `json:"sealed_again"`
	Retired  []uint32 `json:"retired_keys"`
	Resumed  bool     `json:"resumed"`
	Damaged  int      `json:"damaged"`
}

func (c *cli) keyRotate() *cobra.Command {
	var out output
	cmd := c.local("rotate", "Seal every secret again under a new data key and retire the old one", cobra.NoArgs,
		func(ctx context.Context, l *app.Local, _ []string) error {
			report, err := l.Rotation.Rotate(ctx, l.Operator)
			if err != nil {
				return err
			}
			r := rotation{report.Primary, report.Resealed, report.Retired, report.Resumed, len(report.Damaged)}
			err = out.print(c.stdout, r, func(t *table) {
				t.row("data key in use", fmt.Sprint(r.Key))
				t.row("secrets sealed again", fmt.Sprint(r.Resealed))
				t.row("data keys retired", fmt.Sprint(len(r.Retired)))
				if r.Resumed {
					t.row("note", "an earlier rotation was taken to its end; no further key was made")
				}
			})
			if r.Damaged > 0 {
				c.reportDamage(report.Damaged)
				return errors.Join(err, fmt.Errorf("%d damaged secrets were left as they are, so the old data key stays; put them back from a backup or delete their owners, then rotate again", r.Damaged))
			}
			return err
		})
	cmd.Long = `Seal every secret again under a new data key and retire the old one. A running service goes on working meanwhile.
The command may be interrupted: run it again and it takes up where it ended.`
	out.flag(cmd)
	return cmd
}

// reportDamage names the owners of damaged secrets, one a line.
func (c *cli) reportDamage(damaged []app.DamagedSeal) {
	for _, d := range damaged {
		fmt.Fprintf(c.stderr, "patchbay: damaged: tenant %s, owner %s, member %s, version %d\n", d.TenantID, d.OwnerID, d.Member, d.Version)
	}
}

func (c *cli) keyVerify() *cobra.Command {
	return c.local("verify", "Open every sealed secret and report those that are damaged", cobra.NoArgs,
		func(ctx context.Context, l *app.Local, _ []string) error {
			total, damaged, err := l.Rotation.Verify(ctx, l.Operator)
			if err != nil {
				return err
			}
			if len(damaged) > 0 {
				c.reportDamage(damaged)
				return fmt.Errorf("%d of %d secrets are damaged", len(damaged), total)
			}
			fmt.Fprintf(c.stdout, "%d secrets open\n", total)
			lost, err := l.Rotation.EarlierLost(ctx, l.Operator)
			if lost {
				fmt.Fprintln(c.stdout, "what was carried of earlier master keys does not open: requests from before the master key was changed are not recognised when they come again")
			}
			return err
		})
}

func (c *cli) keyRewrap() *cobra.Command {
	var path, uri string
	cmd := c.local("rewrap", "Replace the master key; the service must be stopped", cobra.NoArgs,
		func(ctx context.Context, l *app.Local, _ []string) error {
			service := cmp.Or(uri, l.MasterKeyKMS())
			if err := l.Rewrap(ctx, path, service); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "%s holds the new master key%s. Start the service with it, then destroy the old one.\n", path, wrappedBy(service))
			return nil
		})
	cmd.Flags().StringVar(&path, flagNewKeyFile, "", "file to write the new master key to")
	cmd.Flags().StringVar(&uri, flagNewKMS, "", "URI of the key that wraps the new master key (default: that of the old one)")
	require(cmd, flagNewKeyFile)
	return cmd
}

func (c *cli) keyRotateSigning() *cobra.Command {
	var revoke bool
	cmd := c.local("rotate-signing", "Make a new token signing key and retire the old one", cobra.NoArgs,
		func(ctx context.Context, l *app.Local, _ []string) error {
			kid, err := l.Manage.RotateSigningKey(ctx, l.Operator, revoke)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "new tokens are signed with %s\n", kid)
			return nil
		})
	cmd.Flags().BoolVar(&revoke, "revoke-old", false, "refuse all tokens that were signed before, within a second")
	return cmd
}
