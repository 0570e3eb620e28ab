# Written by patchbay export. Secrets are parameters, and none is in this file. Compile it with them, for example:
#   . ./PatchbayConnectors.ps1; PatchbayConnectors -Credential (Get-Credential) …
Configuration PatchbayConnectors
{
    param
    (
        [Parameter(Mandatory = $true)]
        [System.Management.Automation.PSCredential]
        $LoyaltyLookupPassword,

        [Parameter(Mandatory = $true)]
        [System.Management.Automation.PSCredential]
        $OBrienSApprovalsPkcs12Value,

        [Parameter(Mandatory = $true)]
        [System.Management.Automation.PSCredential]
        $OBrienSApprovalsPassword,

        [Parameter(Mandatory = $true)]
        [System.Management.Automation.PSCredential]
        $LoyaltyLookupPassword2,

        [Parameter()]
        [System.Management.Automation.PSCredential]
        $Credential
    )

    Import-DscResource -ModuleName Microsoft365DSC

    Node localhost
    {
        AADIdentityAPIConnector 'Loyalty lookup'
        {
            Id           = ''
            DisplayName  = 'Loyalty lookup'
            TargetUrl    = 'https://loyalty.fabrikam.example/api/lookup?code=Zm9vYmFy-canary-key&note=${not}%{hcl}"\'
            Username     = 'svc-b2c'
            Password     = $LoyaltyLookupPassword
            Ensure       = 'Present'
            Credential   = $Credential
        }
        AADIdentityAPIConnector 'O''Brien’’s "approvals"'
        {
            Id           = '0b7c9a52-3f4d-4f1c-8a8e-7a1f5d2c9e22'
            DisplayName  = 'O''Brien’’s "approvals"'
            TargetUrl    = 'https://approvals.fabrikam.example/signup'
            Certificates = @(
                MSFT_AADIdentityAPIConnectionCertificate{
                    Pkcs12Value = $OBrienSApprovalsPkcs12Value
                    Password    = $OBrienSApprovalsPassword
                    Thumbprint  = '7BA1DB56A4F1C0D6E3B9258F0C7E4A1D2B3C4D5E'
                    IsActive    = $true
                }
            )
            Ensure       = 'Present'
            Credential   = $Credential
        }
        AADIdentityAPIConnector 'loyalty-lookup'
        {
            Id           = 'c9d1e3f5-1122-4333-8444-aabbccddeeff'
            DisplayName  = 'loyalty-lookup'
            TargetUrl    = 'https://partners.fabrikam.example/check'
            Username     = '007'
            Password     = $LoyaltyLookupPassword2
            Ensure       = 'Present'
            Credential   = $Credential
        }
        AADIdentityB2XUserFlow 'B2X_1_partners'
        {
            Id           = 'B2X_1_partners'
            ApiConnectorConfiguration = MSFT_MicrosoftGraphUserFlowApiConnectorConfiguration{
                postFederationSignupConnectorName = 'Loyalty lookup'
                postAttributeCollectionConnectorName = 'O''Brien’’s "approvals"'
            }
            Ensure       = 'Present'
            Credential   = $Credential
        }
        AADIdentityB2XUserFlow 'B2X_1_quiet'
        {
            Id           = 'B2X_1_quiet'
            ApiConnectorConfiguration = MSFT_MicrosoftGraphUserFlowApiConnectorConfiguration{
            }
            Ensure       = 'Present'
            Credential   = $Credential
        }
        AADIdentityB2XUserFlow 'B2X_1_untold'
        {
            Id           = 'B2X_1_untold'
            Ensure       = 'Present'
            Credential   = $Credential
        }
    }
}
