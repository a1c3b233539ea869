/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/paste/forms.h"
#include "cmd/paste/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INI "iqn.2026-11.org.example:alice"
#define TGT "iqn.2026-11.org.example:t"

/* ---- quoting ----------------------------------------------------------------------------- */

static char *quoted(void (*quote)(struct wbuf *w, const char *text), const char *text,
                    char buf[512])
{
    struct wbuf w = wbuf_make(buf, 511);
    quote(&w, text);
    assert_false(wb_overflowed(&w));
    buf[w.len] = '\0';
    return buf;
}

/* What a POSIX shell makes of one word. NULL: it would see more in it than text. */
static const char *read_sh(const char *word, char out[512])
{
    size_t n = 0;
    while (*word)
        if (*word == '\'') {
            const char *end = strchr(word + 1, '\'');
            if (!end)
                return NULL;
            memcpy(out + n, word + 1, (size_t)(end - word - 1));
            n += (size_t)(end - word - 1);
            word = end + 1;
        } else if (word[0] == '\\' && word[1]) {
            out[n++] = word[1];
            word += 2;
        } else if (strchr(" \t\n|&;<>()$`\\\"*?[#~={}!^", *word) && *word != '=') {
            return NULL;
        } else {
            out[n++] = *word++;
        }
    out[n] = '\0';
    return out;
}

/* What PowerShell makes of a string between single quotes. */
static const char *read_powershell(const char *word, char out[512])
{
    size_t n = 0, len = strlen(word);
    if (len < 2 || word[0] != '\'' || word[len - 1] != '\'')
        return NULL;
    for (size_t i = 1; i < len - 1;) {
        size_t one = word[i] == '\'' ? 1 : strncmp(word + i, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
        if (one > 0 && (i + 2 * one > len - 1 || memcmp(word + i, word + i + one, one) != 0))
            return NULL;
        memcpy(out + n, word + i, MAX(one, 1u));
        n += MAX(one, 1u);
        i += one > 0 ? 2 * one : 1;
    }
    out[n] = '\0';
    return out;
}

static void check_words(const char *text)
{
    char buf[512], out[512];
    const char *back = read_sh(quoted(quote_sh, text, buf), out);
    assert_non_null(back);
    assert_string_equal(back, text);
    back = read_powershell(quoted(quote_powershell, text, buf), out);
    assert_non_null(back);
    assert_string_equal(back, text);
}

static void test_any_text_is_one_word_of_each_shell(void **state)
{
    static const char *const texts[] = {
        "",
        "'",
        "''",
        "a'b",
        "$(reboot)",
        "`id`",
        "$env:PATH",
        "a b",
        "-n",
        "~root",
        "#x",
        "\"; reboot #",
        "100%",
        "a;b|c&d",
        "!!",
        "it\xe2\x80\x99s",
        "\xe2\x80\x99",
        "*",
        "\\",
        "a,b{c}",
    };
    char one[4] = "";
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check_words(texts[i]);
    for (int c = ' '; c <= '~'; c++) {
        snprintf(one, sizeof(one), "%c", c);
        check_words(one);
        snprintf(one, sizeof(one), "a%cb", c);
        check_words(one);
    }
}

/* Letters and digits: none needs quotes anywhere. */
static void test_minted_secrets_stand_bare(void **state)
{
    char one[2] = "", buf[512];
    (void)state;
    for (int c = '0'; c <= 'z'; c++)
        if ((c <= '9') || (c >= 'A' && c <= 'Z') || c >= 'a') {
            one[0] = (char)c;
            assert_string_equal(quoted(quote_sh, one, buf), one);
        }
}

/* ---- forms ------------------------------------------------------------------------------- */

static const char *const two_portals[] = {"192.0.2.10:3260", "[2001:db8::1]:3261"};

static struct paste_facts facts(void)
{
    return (struct paste_facts){
        .initiator = INI,
        .target = TGT,
        .name = INI,
        .secret = "forwardforward22",
        .reverse_name = TGT,
        .reverse_secret = "reversereverse33",
        .portals = two_portals,
        .nportals = 1,
        .lun = 7,
        .mutual = true,
        .iface = "",
    };
}

static void check_text(const char *form, const struct paste_facts *x, const char *want)
{
    char *text = paste_text(paste_form_named(form), x);
    assert_non_null(text);
    assert_string_equal(text, want);
    paste_free(text);
}

/* clang-format off */
#define ESX   "esxcli iscsi adapter "
#define HBA   " --adapter=\"$HBA\""
#define AT(p) HBA " --address=" p " --name=" TGT
#define CHAP(p, direction, name, secret)                                                       \
    ESX "target portal auth chap set" AT(p) " --level=required --direction=" direction         \
                                            " --authname=" name " --secret=" secret "\n"

static void test_esxi_adds_each_portal_and_sets_chap_for_both_directions(void **state)
{
    struct paste_facts x = facts();
    (void)state;
    x.nportals = 2;
    check_text("esxi", &x,
               "# ESXi, in a root shell of the host whose initiator is " INI "\n"
               "# /var/log/shell.log keeps what is typed; --secret without a value asks for it instead\n"
               "esxcli iscsi software set --enabled=true\n"
               "HBA=$(esxcli iscsi adapter list | awk '$2 == \"iscsi_vmk\" {print $1; exit}')\n"
               ESX "discovery statictarget add" AT("192.0.2.10:3260") "\n"
               CHAP("192.0.2.10:3260", "uni", INI, "forwardforward22")
               CHAP("192.0.2.10:3260", "mutual", TGT, "reversereverse33")
               ESX "discovery statictarget add" AT("'[2001:db8::1]:3261'") "\n"
               CHAP("'[2001:db8::1]:3261'", "uni", INI, "forwardforward22")
               CHAP("'[2001:db8::1]:3261'", "mutual", TGT, "reversereverse33")
               ESX "discovery rediscover" HBA "\n"
               "esxcli storage core adapter rescan" HBA "\n");
}

#define CONNECT(host, port)                                                                    \
    "iscsicli AddTarget '" TGT "' '*' '" host "' '" port                                       \
    "' 4 T '*' '*' '*' '*' '*' '*' '*' '*' '*' 0\n"                                            \
    "Connect-IscsiTarget -NodeAddress '" TGT "' -TargetPortalAddress '" host                   \
    "' -TargetPortalPortNumber '" port "' -ChapUsername '" INI                                 \
    "' -ChapSecret $secret -AuthenticationType $chap -IsMultipathEnabled $paths "              \
    "-IsPersistent $true\n"

static void test_windows_gets_its_own_secret_and_static_targets(void **state)
{
    struct paste_facts x = facts();
    (void)state;
    x.nportals = 2;
    x.secret = "it's $ec\xe2\x80\x99ret"; /* none that zsan takes */
    check_text("windows", &x,
               "# Windows, in PowerShell as administrator, on the host whose initiator is " INI
               "\n"
               "Set-Service MSiSCSI -StartupType Automatic\n"
               "Start-Service MSiSCSI\n"
               "$secret = 'it''s $ec\xe2\x80\x99\xe2\x80\x99ret'\n"
               "$chap = 'MUTUALCHAP'\n"
               "# Windows has one secret for all targets: this replaces it. Give a host its "
               "LUNs through one target\n"
               "Set-IscsiChapSecret -ChapSecret 'reversereverse33'\n"
               "# For its paths to be one disk: Install-WindowsFeature Multipath-IO, "
               "Enable-MSDSMAutomaticClaim -BusType iSCSI, a restart\n"
               "$paths = $true\n" CONNECT("192.0.2.10", "3260") CONNECT("2001:db8::1", "3261"));
    x.nportals = 1;
    x.secret = "forwardforward22";
    x.reverse_secret = "";
    check_text("windows", &x,
               "# Windows, in PowerShell as administrator, on the host whose initiator is " INI
               "\n"
               "Set-Service MSiSCSI -StartupType Automatic\n"
               "Start-Service MSiSCSI\n"
               "$secret = 'forwardforward22'\n"
               "$chap = 'ONEWAYCHAP'\n"
               "$paths = $false\n" CONNECT("192.0.2.10", "3260"));
}

/* clang-format on */

static void test_qemu_names_its_initiator_and_says_what_it_cannot(void **state)
{
    struct paste_facts x = facts();
    (void)state;
    x.name = "al,ice";
    char *text = paste_text(paste_form_named("qemu"), &x);
    assert_non_null(strstr(text, "#   zsan initiator set " INI " --auth one-way\n"));
    assert_non_null(strstr(text, "(umask 077; printf %s forwardforward22 > " TGT ".secret)\n"));
    assert_non_null(strstr(text, "target=" TGT ",lun=7,initiator-name=" INI
                                 ",user=al,,ice,password-secret=zsan0"));
    assert_null(strstr(text, "reverse"));
    paste_free(text);
    x.mutual = false;
    text = paste_text(paste_form_named("qemu"), &x);
    assert_null(strstr(text, "--auth"));
    paste_free(text);
}

static void test_an_iface_is_made_and_named(void **state)
{
    struct paste_facts x = facts();
    (void)state;
    x.iface = "zsan";
    char *text = paste_text(paste_form_named("linux"), &x);
    assert_non_null(strstr(
        text, "iscsiadm -m iface -I zsan -o update -n iface.initiatorname -v " INI "\n"));
    assert_non_null(
        strstr(text, "iscsiadm -m node -T " TGT " -p 192.0.2.10:3260 -I zsan --login\n"));
    paste_free(text);
}

/* Where RADIUS knows the secret nothing that is empty is set, and where there is no portal there is no text. */
static void test_what_is_not_there_is_left_out(void **state)
{
    struct paste_facts x = facts();
    (void)state;
    x.secret = "";
    for (int discovery = 0; discovery < 2; discovery++) {
        x.target = discovery ? "" : TGT;
        for (size_t i = 0; paste_form_name(i); i++) {
            char *text = paste_text(paste_form_named(paste_form_name(i)), &x);
            assert_non_null(strchr(text, '\n'));
            assert_null(strstr(text, "''"));
            assert_null(strstr(text, "=\n"));
            assert_null(strstr(text, "{="));
            paste_free(text);
        }
    }
    x.nportals = 0;
    check_text("esxi", &x, "");
}

/* A name is a value, whatever it looks like. */
static void test_values_are_not_filled_in(void **state)
{
    struct paste_facts x = facts();
    (void)state;
    x.name = "{secret}";
    char *text = paste_text(paste_form_named("linux"), &x);
    assert_non_null(strstr(text, "username -v '{secret}'\n"));
    paste_free(text);
}

static void test_names_of_initiators_tell_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *initiator, *form;
    } rows[] = {
        {"iqn.1998-01.com.vmware:esx1-0a1b2c3d",          "esxi"    },
        {"iqn.1991-05.com.microsoft:db1.example",         "windows" },
        {"iqn.2008-11.org.linux-kvm:vm7",                 "qemu"    },
        {"iqn.2007-10.com.github:sahlberg:libiscsi:test", "libiscsi"},
        {"iqn.1993-08.org.debian:01:abc",                 "linux"   },
        {"eui.02004567a425678d",                          "linux"   },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_ptr_equal(paste_form_of(rows[i].initiator), paste_form_named(rows[i].form));
    assert_null(paste_form_named("amiga"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_text_is_one_word_of_each_shell),
        cmocka_unit_test(test_minted_secrets_stand_bare),
        cmocka_unit_test(test_esxi_adds_each_portal_and_sets_chap_for_both_directions),
        cmocka_unit_test(test_windows_gets_its_own_secret_and_static_targets),
        cmocka_unit_test(test_qemu_names_its_initiator_and_says_what_it_cannot),
        cmocka_unit_test(test_an_iface_is_made_and_named),
        cmocka_unit_test(test_what_is_not_there_is_left_out),
        cmocka_unit_test(test_values_are_not_filled_in),
        cmocka_unit_test(test_names_of_initiators_tell_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
