/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forms. All of them name target and portals themselves, so that a grant's text needs no discovery: that has secrets of its own, and
 * ESXi and Windows would use one for the other. A hash begins a comment in each of these languages.
 */
#include "cmd/paste/forms.h"
#include "cmd/paste/quote.h"

#include <stddef.h>

/* clang-format off */
#define A PASTE_ALWAYS
#define P PASTE_PORTAL

/* ---- open-iscsi -------------------------------------------------------------------------- */

#define NODE "iscsiadm -m node -T {target} -p {portal}{=on_iface} "
#define AUTH NODE "-o update -n node.session.auth."

static const struct paste_line linux_target[] = {
    {A,                 "# open-iscsi, as root on the initiator"},
    {PASTE_FOREIGN,     "# Its password is the one in RADIUS: put it in before the login"},
    {PASTE_IFACE,       "iscsiadm -m iface -I {iface} -o new"},
    {PASTE_IFACE,       "iscsiadm -m iface -I {iface} -o update -n iface.initiatorname -v {initiator}"},
    {P,                 NODE "-o new"},
    {P,                 AUTH "authmethod -v CHAP"},
    {P,                 AUTH "chap_algs -v SHA3-256,SHA256,SHA1,MD5"},
    {P,                 AUTH "username -v {name}"},
    {P | PASTE_SECRET,  AUTH "password -v {secret}"},
    {P | PASTE_FOREIGN, AUTH "password -v SECRET-IN-RADIUS"},
    {P | PASTE_REVERSE, AUTH "username_in -v {reverse_name}"},
    {P | PASTE_REVERSE, AUTH "password_in -v {reverse_secret}"},
    {P,                 NODE "--login"},
    {0, NULL},
};

#define FIND "discovery.sendtargets.auth."

static const struct paste_line linux_discovery[] = {
    {A,             "# open-iscsi, in /etc/iscsi/iscsid.conf of the initiator"},
    {A,             FIND "authmethod = CHAP"},
    {A,             FIND "username = {=name}"},
    {PASTE_SECRET,  FIND "password = {=secret}"},
    {PASTE_FOREIGN, FIND "password = SECRET-IN-RADIUS"},
    {PASTE_REVERSE, FIND "username_in = {=reverse_name}"},
    {PASTE_REVERSE, FIND "password_in = {=reverse_secret}"},
    {0, NULL},
};

/* ---- ESXi -------------------------------------------------------------------------------- */

/*
 * ESXCLI reference, "iscsi adapter". A static target has CHAP of its own; the initiator's own must be required before the target's.
 * --secret without a value asks.
 */
#define ISCSI    "esxcli iscsi adapter "
#define HBA      " --adapter=\"$HBA\""
#define ONE      HBA " --address={portal} --name={target}"
#define CHAP     ISCSI "target portal auth chap set" ONE " --level=required"
#define FINDCHAP ISCSI "discovery sendtarget auth chap set" HBA " --address={portal} --level=required"
#define UNI      " --direction=uni --authname={name} --secret"
#define MUTUAL   " --direction=mutual --authname={reverse_name} --secret={reverse_secret}"
#define ENABLE   "esxcli iscsi software set --enabled=true"
#define FIND_HBA "HBA=$(esxcli iscsi adapter list | awk '$2 == \"iscsi_vmk\" {print $1; exit}')"

static const struct paste_line esxi_target[] = {
    {A,                 "# ESXi, in a root shell of the host whose initiator is {=initiator}"},
    {A,                 "# /var/log/shell.log keeps what is typed; --secret without a value asks for it instead"},
    {A,                 ENABLE},
    {A,                 FIND_HBA},
    {P,                 ISCSI "discovery statictarget add" ONE},
    {P | PASTE_SECRET,  CHAP UNI "={secret}"},
    {P | PASTE_FOREIGN, CHAP UNI},
    {P | PASTE_REVERSE, CHAP MUTUAL},
    {A,                 ISCSI "discovery rediscover" HBA},
    {A,                 "esxcli storage core adapter rescan" HBA},
    {0, NULL},
};

static const struct paste_line esxi_discovery[] = {
    {A,                 "# ESXi: not needed, for what zsan grant prints names target and portals. For dynamic discovery all the same:"},
    {A,                 ENABLE},
    {A,                 FIND_HBA},
    {P,                 ISCSI "discovery sendtarget add" HBA " --address={portal}"},
    {P | PASTE_SECRET,  FINDCHAP UNI "={secret}"},
    {P | PASTE_FOREIGN, FINDCHAP UNI},
    {P | PASTE_REVERSE, FINDCHAP MUTUAL},
    {0, NULL},
};

/* ---- Windows ----------------------------------------------------------------------------- */

/*
 * iscsicli AddTarget: name, alias, address, port, flags (4: keep what is known of it), persistent, then nine that are left alone, and no
 * mappings. All targets, and discovery, prove themselves to a Windows by the one secret of Set-IscsiChapSecret.
 */
#define ADD     "iscsicli AddTarget {target} '*' {host} {port} 4 T '*' '*' '*' '*' '*' '*' '*' '*' '*' 0"
#define CONNECT "Connect-IscsiTarget -NodeAddress {target} -TargetPortalAddress {host} -TargetPortalPortNumber {port}" \
                " -ChapUsername {name} -ChapSecret $secret -AuthenticationType $chap -IsMultipathEnabled $paths -IsPersistent $true"

static const struct paste_line windows_target[] = {
    {A,             "# Windows, in PowerShell as administrator, on the host whose initiator is {=initiator}"},
    {A,             "Set-Service MSiSCSI -StartupType Automatic"},
    {A,             "Start-Service MSiSCSI"},
    {PASTE_SECRET,  "$secret = {secret}"},
    {PASTE_FOREIGN, "$secret = Read-Host 'Its secret in RADIUS'"},
    {PASTE_ONE_WAY, "$chap = 'ONEWAYCHAP'"},
    {PASTE_REVERSE, "$chap = 'MUTUALCHAP'"},
    {PASTE_REVERSE, "# Windows has one secret for all targets: this replaces it. Give a host its LUNs through one target"},
    {PASTE_REVERSE, "Set-IscsiChapSecret -ChapSecret {reverse_secret}"},
    {PASTE_SINGLE,  "$paths = $false"},
    {PASTE_PATHS,   "# For its paths to be one disk: Install-WindowsFeature Multipath-IO, Enable-MSDSMAutomaticClaim -BusType iSCSI, a restart"},
    {PASTE_PATHS,   "$paths = $true"},
    {P,             ADD},
    {P,             CONNECT},
    {0, NULL},
};

static const struct paste_line windows_discovery[] = {
    {A, "# Windows: not needed, for what zsan grant prints names target and portals"},
    {0, NULL},
};

/* ---- QEMU -------------------------------------------------------------------------------- */

/* Its driver has no mutual CHAP, and takes the initiator's name from nowhere else. The secret is in a file, for all see arguments. */
#define OBJECT "object secret,id=zsan0,file={,target}.secret"
#define DRIVER "driver=iscsi,transport=tcp,portal={,portal},target={,target},lun={lun},initiator-name={,initiator},user={,name},password-secret=zsan0"

static const struct paste_line qemu_target[] = {
    {A,             "# QEMU, in bash on the host, as initiator {=initiator}"},
    {PASTE_MUTUAL,  "# It cannot make the target prove itself. Where the network is to be trusted, zsand does without that after"},
    {PASTE_MUTUAL,  "#   zsan initiator set {initiator} --auth one-way"},
    {PASTE_SECRET,  "(umask 077; printf %s {secret} > {target}.secret)"},
    {PASTE_FOREIGN, "(umask 077; read -rsp 'Its secret in RADIUS: ' s; printf %s \"$s\" > {target}.secret)"},
    {A,             "qemu-img info --" OBJECT " --image-opts " DRIVER},
    {A,             "zsan0=(-" OBJECT " -blockdev node-name=zsan0," DRIVER ")"},
    {A,             "# qemu-system-x86_64 \"${zsan0[@]}\" -device virtio-blk-pci,drive=zsan0 ..."},
    {0, NULL},
};

static const struct paste_line qemu_discovery[] = {
    {A, "# QEMU: not needed, for what zsan grant prints names target and portals"},
    {0, NULL},
};

/* ---- libiscsi ---------------------------------------------------------------------------- */

#define SET "export LIBISCSI_CHAP_"
#define ENVIRONMENT \
    {A,             "# libiscsi's tools, in a shell"}, \
    {A,             SET "USERNAME={name}"}, \
    {PASTE_SECRET,  SET "PASSWORD={secret}"}, \
    {PASTE_FOREIGN, SET "PASSWORD=SECRET-IN-RADIUS"}, \
    {PASTE_ONE_WAY, "unset LIBISCSI_CHAP_TARGET_USERNAME LIBISCSI_CHAP_TARGET_PASSWORD"}, \
    {PASTE_REVERSE, SET "TARGET_USERNAME={reverse_name}"}, \
    {PASTE_REVERSE, SET "TARGET_PASSWORD={reverse_secret}"}

static const struct paste_line libiscsi_target[] = {
    ENVIRONMENT,
    {P, "iscsi-inq -i {initiator} iscsi://{portal}/{target}/{lun}"},
    {0, NULL},
};

static const struct paste_line libiscsi_discovery[] = {
    ENVIRONMENT,
    {P, "iscsi-ls -i {initiator} iscsi://{portal}"},
    {0, NULL},
};

/* ---- all --------------------------------------------------------------------------------- */

/* The first one is for initiators of which nothing is known. */
const struct paste_form paste_forms[] = {
    {"linux",    NULL,                                       quote_sh,         linux_target,    linux_discovery   },
    {"esxi",     "iqn.1998-01.com.vmware:",                  quote_sh,         esxi_target,     esxi_discovery    },
    {"windows",  "iqn.1991-05.com.microsoft:",               quote_powershell, windows_target,  windows_discovery },
    {"qemu",     "iqn.2008-11.org.linux-kvm",                quote_sh,         qemu_target,     qemu_discovery    },
    {"libiscsi", "iqn.2007-10.com.github:sahlberg:libiscsi", quote_sh,         libiscsi_target, libiscsi_discovery},
    {NULL,       NULL,                                       NULL,             NULL,            NULL              },
};
/* clang-format on */
