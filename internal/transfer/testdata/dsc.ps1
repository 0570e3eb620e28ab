# Generated with Microsoft365DSC version 1.25.611.1
# For additional information on how to use Microsoft365DSC, please visit https://aka.ms/M365DSC
param (
    [parameter()]
    [System.Management.Automation.PSCredential]
    $Credential
)

Configuration M365TenantConfig
{
    param (
        [parameter()]
        [System.Management.Automation.PSCredential]
        $Credential
    )

    if ($null -eq $Credential)
    {
        <# Credentials
           AADIdentityAPIConnector 'not one' { #>
        $Credscredential = Get-Credential -Message "AADIdentityAPIConnector ""x"" { needs $($Credential.UserName)"
    }
    else
    {
        $CredsCredential = $Credential
    }

    $OrganizationName = $CredsCredential.UserName.Split('@')[1]

    Import-DscResource -ModuleName 'Microsoft365DSC' -ModuleVersion '1.25.611.1'
    Import-DscResource -Name AADIdentityAPIConnector -ModuleName 'Microsoft365DSC'

    Node localhost
    {
        AADGroup 'AADGroup-Sales'
        {
            DisplayName = "Sales";
            Description = @'
AADIdentityAPIConnector 'neither' {
'@
            Ensure      = "Present";
        }
        AADIdentityAPIConnector "AADIdentityAPIConnector-Loyalty lookup"
        {
            Credential           = $Credscredential;
            DisplayName          = "Loyalty lookup";
            Ensure               = "Present";
            Id                   = "5f0a8c1e-6a1b-4a3e-9d52-0d7b1a4f7c11";
            Password             = New-Object System.Management.Automation.PSCredential('Password', (ConvertTo-SecureString ('Please insert a valid Password') -AsPlainText -Force));
            TargetUrl            = "https://loyalty.fabrikam.example/api/lookup?code=Zm9vYmFy-canary-key&price=`$5";
            Username             = "svc-b2c";
        }
        AADIdentityAPIConnector "AADIdentityAPIConnector-Approvals"
        {
            Certificates         = @(
                MSFT_AADIdentityAPIConnectionCertificate{
                    Pkcs12Value = New-Object System.Management.Automation.PSCredential('Password', (ConvertTo-SecureString ('Please insert a valid Pkcs12Value') -AsPlainText -Force))
                    Thumbprint = '0eb255cc895477798ba418b378255204304897ad'
                    Password = New-Object System.Management.Automation.PSCredential('Password', (ConvertTo-SecureString ('Please insert a valid Password for the certificate') -AsPlainText -Force))
                    IsActive = $False
                }
                MSFT_AADIdentityAPIConnectionCertificate{
                    Pkcs12Value = New-Object System.Management.Automation.PSCredential('Password', (ConvertTo-SecureString ('Please insert a valid Pkcs12Value') -AsPlainText -Force))
                    Thumbprint = '7BA1DB56A4F1C0D6E3B9258F0C7E4A1D2B3C4D5E'
                    Password = New-Object System.Management.Automation.PSCredential('Password', (ConvertTo-SecureString ('Please insert a valid Password for the certificate') -AsPlainText -Force))
                    IsActive = $True
                }
            );
            Credential           = $Credscredential;
            DisplayName          = "O'Brien’s approvals";
            Ensure               = "Present";
            Id                   = "0b7c9a52-3f4d-4f1c-8a8e-7a1f5d2c9e22";
            Password             = New-Object System.Management.Automation.PSCredential('Password', (ConvertTo-SecureString ('Please insert a valid Password') -AsPlainText -Force));
            TargetUrl            = "https://approvals.fabrikam.example/signup";
        }
        AADIdentityAPIConnector 'By hand'
        {
            DisplayName = 'By hand'; Id = ''
            Username    = 'clerk'
            Password    = New-Object PSCredential ('x', (ConvertTo-SecureString 'canary-password' -AsPlainText -Force))
            TargetUrl   = 'https://hand.fabrikam.example/'
        }
        aadidentityapiconnector Gone { DisplayName = 'Gone'; Id = 'ffffffff-0000-4000-8000-000000000000'; Ensure = 'Absent' }
        AADIdentityB2XUserFlow "AADIdentityB2XUserFlow-B2X_1_partners"
        {
            ApiConnectorConfiguration = MSFT_MicrosoftGraphUserFlowApiConnectorConfiguration{
                postAttributeCollectionConnectorName = 'Loyalty lookup'
                postFederationSignupConnectorName = ''
            };
            Credential                = $Credscredential;
            Ensure                    = "Present";
            Id                        = "B2X_1_partners";
            IdentityProviders         = @("Google-OAUTH","EmailOtpSignup-OAUTH");
            UserAttributeAssignments  = @(
                MSFT_MicrosoftGraphuserFlowUserAttributeAssignment{
                    Id = 'city'
                    DisplayName = 'City'
                    IsOptional = $True
                    UserInputType = 'textBox'
                    UserAttributeValues = @(
                        MSFT_MicrosoftGraphuserFlowUserAttributeAssignmentUserAttributeValues{
                            Name = 'S'
                            Value = '1'
                            IsDefault = $True
                        }
                    )
                }
            );
        }
    }
}

M365TenantConfig -ConfigurationData .\ConfigurationData.psd1 -Credential $Credential
