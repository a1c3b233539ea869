/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines as they are typed, and the calls that become of them. */
#include "cmd/grammar/columns.h"
#include "cmd/grammar/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 32

/* ---- a small world ----------------------------------------------------------------------- */

static const char facts_text[] =
    "{\"pool.list\": [{\"name\": \"tank\"}, {\"name\": \"pot\"}],"
    " \"dataset.list\": [{\"name\": \"tank\"}, {\"name\": \"tank/a\"}, {\"name\": "
    "\"tank/a/v\"},"
    "                    {\"name\": \"tank/ab\"}],"
    " \"event.list\": [{\"text\": \"pool.healthy pool=tank\"}, {\"text\": \"pool.degraded "
    "pool=tank2\"},"
    "                  {\"text\": \"login.reject pool=tank\"}],"
    " \"volume.list\": [{\"name\": \"vm1\", \"dataset\": \"tank/a/v\"}, {\"name\": \"f\", "
    "\"path\": \"/x\"}],"
    " \"target.list\": [{\"name\": \"iqn.x:h.t1\", \"alias\": \"t1\", \"portal_groups\": [1, "
    "2],"
    "                   \"luns\": [{\"lun\": 0, \"volume\": \"vm1\"}]},"
    "                  {\"name\": \"iqn.x:h.t2\", \"luns\": [{\"lun\": 0}, {\"lun\": 5}]},"
    "                  {\"name\": \"iqn.x:a.dup\"}, {\"name\": \"iqn.x:b.dup\"}],"
    " \"host.list\": [{\"name\": \"esx1\", \"initiators\": [\"iqn.i:1\", \"iqn.i:2\"]},"
    "                {\"name\": \"one\", \"initiators\": [\"iqn.i:3\"]}],"
    " \"initiator.list\": [{\"name\": \"iqn.i:1\", \"label\": \"esx1.1\", \"host\": \"esx1\"},"
    "                     {\"name\": \"iqn.i:2\", \"label\": \"esx1.2\", \"host\": \"esx1\"},"
    "                     {\"name\": \"iqn.i:3\", \"host\": \"one\"}],"
    " \"isns.show\": {\"enabled\": false, \"servers\": [{\"address\": \"192.0.2.9\", \"port\": "
    "3205}]},"
    " \"radius.list\": [{\"address\": \"192.0.2.8\", \"port\": 1812}],"
    " \"grant.list\": [{\"initiator\": \"iqn.i:1\", \"target\": \"iqn.x:h.t1\"},"
    "                 {\"initiator\": \"iqn.i:2\", \"target\": \"iqn.x:h.t1\"},"
    "                 {\"initiator\": \"iqn.i:2\", \"target\": \"iqn.x:h.t2\"}]}";

static bool is_there(const char *path)
{
    return strncmp(path, "/disks/c", 8) == 0 || strcmp(path, "/dev/sda") == 0;
}
static const char *const folders[] = {"/disks", "/dev", NULL};
static const struct gr_places places = {folders, is_there};

/* Splits at blanks; the words point into text. */
static size_t split(char *text, const char *words[WORDS_MAX])
{
    size_t n = 0;
    char *save;
    for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    return n;
}

/* What becomes of a line: the plan's calls as JSON, its answer as "= JSON", or "! MESSAGE". The caller frees. */
static char *outcome(const char *line)
{
    char *text = strdup(line), *out = NULL, *json;
    const char *words[WORDS_MAX];
    size_t n = split(text, words);
    struct gr_line l = {.nwords = 0};
    struct gr_plan p = {.nsteps = 0};
    struct err e = {.code = 0};
    json_t *facts = json_loads(facts_text, 0, NULL), *plan;
    assert_non_null(facts);
    int rc = gr_parse(gr_tool_of_noun(words[0]), n - 1, words + 1, &l, &e);
    l.places = &places;
    if (rc == 0)
        rc = gr_check(&l, &e);
    if (rc == 0)
        rc = l.verb->translate(&l, facts, &p, &e);
    assert_false(p.bad);
    assert_int_equal(rc, e.code);
    plan = p.answer ? json_incref(p.answer) : gr_plan_json(&p);
    json = json_dumps(plan, JSON_COMPACT);
    int len = rc < 0     ? asprintf(&out, "! %s", e.msg)
              : p.answer ? asprintf(&out, "= %s", json)
              : !p.nsteps
                  ? asprintf(&out, "said %s", json_string_value(json_array_get(p.say, 0)))
                  : asprintf(&out, "%s", json);
    assert_true(len > 0);
    free(json);
    json_decref(plan);
    json_decref(facts);
    gr_plan_drop(&p);
    gr_line_drop(&l);
    free(text);
    return out;
}

/* ---- lines ------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    const char *line, *want; /* the whole, or behind "! ", "= " and "said " a part of it */
} lines[] = {
    /* zpool */
    {"zpool create -f tank2 mirror c1 sda spare /x/y",
     "[{\"method\":\"pool.create\",\"params\":{\"name\":\"tank2\",\"force\":true,\"vdevs\":[\"mirror\",\"/disks/c1\",\"/dev/sda\",\"spare\",\"/x/y\"]},"
     "\"undo\":[\"pool.destroy\",{\"name\":\"tank2\",\"force\":true}]}]"},
    {"pool create tank2 c1 -o ashift=12 -ocomment=x -O compression=lz4 --force",
     "[{\"method\":\"pool.create\",\"params\":{\"name\":\"tank2\",\"force\":true,\"vdevs\":[\"/disks/c1\"],\"ashift\":12},"
     "\"undo\":[\"pool.destroy\",{\"name\":\"tank2\",\"force\":true}]},"
     "{\"method\":\"pool.set\",\"params\":{\"name\":\"tank2\",\"property\":\"comment\",\"value\":\"x\"}},"
     "{\"method\":\"dataset.set\",\"params\":{\"name\":\"tank2\",\"property\":\"compression\",\"value\":\"lz4\"}}]"},
    {"zpool create -n tank2 mirror c1 c2 -o comment=x",
     "[{\"method\":\"pool.check\",\"params\":{\"name\":\"tank2\",\"vdevs\":[\"mirror\",\"/disks/c1\",\"/disks/c2\"]}}]"},
    {"zpool add -nf tank draidX spare draid2:4d",
     "! there is no disk \"draidX\" in /disks, /dev"},
    {"zpool add -nf tank draid2:4d c1",
     "[{\"method\":\"pool.check\",\"params\":{\"name\":\"tank\",\"force\":true,\"add\":true,\"vdevs\":[\"draid2:4d\",\"/disks/c1\"]}}]"},
    {"zpool create tank2 mirror c1 nope", "! there is no disk \"nope\" in /disks, /dev"},
    {"zpool create tank2 c1 -o ashift=8", "! ashift=8: it is a number from 9 to 13"},
    {"zpool create tank2 c1 -o ashift", "! \"ashift\" is not of the form PROPERTY=VALUE"},
    {"zpool create tank2 c1 -m /mnt", "! -m /mnt: zsan mounts nothing"},
    {"zpool create -m none tank2 c1 -q", "! zpool create: \"-q\" is no option here"},
    {"zpool create tank2", "! zpool create: arguments are missing: POOL VDEV..."},
    {"zpool create -o", "! zpool create: \"-o\" takes a value: PROPERTY=VALUE"},
    {"zpool", "! what is zpool to do?"},
    {"zpool trim tank", "! zpool trim: zsan does not trim disks"},
    {"zfs snapshot tank/v@a", "! zfs snapshot: zsan makes no snapshots"},
    {"zfs snapshots tank/v@a", "! zfs has no \"snapshots tank/v@a\""},
    {"zpool crate tank2", "! zpool has no \"crate tank2\""},
    {"zpool add tank spare c7", "[{\"method\":\"pool.add\",\"params\":{\"name\":\"tank\",\"vdevs\":[\"spare\",\"/disks/c7\"]}}]"},
    {"zpool replace -f tank gone c2",
     "[{\"method\":\"pool.replace\",\"params\":{\"name\":\"tank\",\"disk\":\"gone\",\"new_disk\":\"/disks/c2\",\"force\":true}}]"},
    {"zpool replace tank c1", "[{\"method\":\"pool.replace\",\"params\":{\"name\":\"tank\",\"disk\":\"/disks/c1\"}}]"},
    {"zpool attach tank c1 nope", "! there is no disk \"nope\""},
    {"zpool offline tank c1 1234",
     "[{\"method\":\"pool.offline\",\"params\":{\"name\":\"tank\",\"disk\":\"/disks/c1\"}},"
     "{\"method\":\"pool.offline\",\"params\":{\"name\":\"tank\",\"disk\":\"1234\"}}]"},
    {"zpool clear tank", "[{\"method\":\"pool.clear\",\"params\":{\"name\":\"tank\"}}]"},
    {"zpool clear -f tank c1", "[{\"method\":\"pool.clear\",\"params\":{\"name\":\"tank\",\"disk\":\"/disks/c1\",\"force\":true}}]"},
    {"zpool scrub -p tank pot",
     "[{\"method\":\"pool.scrub\",\"params\":{\"name\":\"tank\",\"pause\":true}},{\"method\":\"pool.scrub\",\"params\":{\"name\":\"pot\",\"pause\":true}}]"},
    {"zpool scrub -sw tank", "! zpool scrub: -w waits"},
    {"zpool status -P", "[{\"method\":\"pool.status\",\"params\":{\"paths\":true}}]"},
    {"zpool status tank -v 5",
     "[{\"method\":\"pool.status\",\"params\":{\"name\":\"tank\"}},{\"method\":\"pool.errors\",\"params\":{\"name\":\"tank\"}}]"},
    {"zpool status nope", "! there is no pool \"nope\""},
    {"zpool iostat tank 0", "! zpool iostat: the interval is 1 to"},
    {"zpool iostat 1 0", "! zpool iostat: the interval is 1 to"},
    {"zpool list pot", "= [{\"name\":\"pot\"}]"},
    {"zpool list -o name,shape", "! zpool list -o: there is no column \"shape\""},
    {"zpool import -d /disks -d c1", "[{\"method\":\"pool.found\",\"params\":{\"devices\":[\"/disks\",\"/disks/c1\"]}}]"},
    {"zpool import -fD -o readonly=on 42 new",
     "[{\"method\":\"pool.import\",\"params\":{\"read_only\":true,\"name\":\"42\",\"new_name\":\"new\",\"force\":true,\"destroyed\":true}}]"},
    {"zpool import -nF -d /disks tank", "[{\"method\":\"pool.preview\",\"params\":{\"devices\":[\"/disks\"],\"name\":\"tank\",\"rewind\":true}}]"},
    {"zpool import -o cachefile=x tank", "! zpool import -o cachefile=x"},
    {"zpool export -f tank pot",
     "[{\"method\":\"pool.export\",\"params\":{\"name\":\"tank\",\"force\":true}},{\"method\":\"pool.export\",\"params\":{\"name\":\"pot\",\"force\":true}}]"},
    {"zpool destroy tank", "[{\"method\":\"pool.destroy\",\"params\":{\"name\":\"tank\"}}]"},
    {"zpool destroy tank pot", "! zpool destroy: \"pot\" is an argument too many"},
    {"zpool history -i pot", "[{\"method\":\"pool.history\",\"params\":{\"name\":\"pot\",\"internal\":true}}]"},
    {"zpool events tank", "= [{\"text\":\"pool.healthy pool=tank\"}]"},
    {"zpool get size,guid tank",
     "[{\"method\":\"pool.get\",\"params\":{\"name\":\"tank\",\"property\":\"size\"}},{\"method\":\"pool.get\",\"params\":{\"name\":\"tank\",\"property\":\"guid\"}}]"},
    {"zpool set failmode=wait tank",
     "[{\"method\":\"pool.set\",\"params\":{\"name\":\"tank\",\"property\":\"failmode\",\"value\":\"wait\"}}]"},
    {"zpool set failmode tank", "! \"failmode\" is not of the form"},
    /* zfs */
    {"zfs create -s -b 64K -V 750G tank/v2",
     "[{\"method\":\"volume.create\",\"params\":{\"name\":\"tank/v2\",\"engine\":\"pool\",\"size\":805306368000,\"volblocksize\":65536},"
     "\"undo\":[\"dataset.destroy\",{\"name\":\"tank/v2\"}]}]"},
    {"zfs create -p -V1G -o sync=standard -o readonly=on -o refquota=1M tank/v2",
     "[{\"method\":\"volume.create\",\"params\":{\"name\":\"tank/v2\",\"engine\":\"pool\",\"size\":1073741824,\"thick\":true,\"parents\":true,"
     "\"sync\":\"standard\",\"read_only\":true},\"undo\":[\"dataset.destroy\",{\"name\":\"tank/v2\"}]},"
     "{\"method\":\"dataset.set\",\"params\":{\"name\":\"tank/v2\",\"property\":\"refquota\",\"value\":\"1048576\"}}]"},
    {"zfs create tank/b -o sync=always",
     "[{\"method\":\"dataset.create\",\"params\":{\"name\":\"tank/b\"},\"undo\":[\"dataset.destroy\",{\"name\":\"tank/b\"}]},"
     "{\"method\":\"dataset.set\",\"params\":{\"name\":\"tank/b\",\"property\":\"sync\",\"value\":\"always\"}}]"},
    {"zfs create -s tank/b", "! zfs create: -s and -b are for volumes"},
    {"zfs create -V 1G -V 2G tank/b", "! zfs create: \"-V\" is given twice"},
    {"zfs create -V big tank/b", "! -V: \"big\" is no size"},
    {"zfs create -V 1G -b 1X tank/b", "! -b: \"1X\" is no size"},
    {"zfs destroy -rf tank/a", "[{\"method\":\"dataset.destroy\",\"params\":{\"name\":\"tank/a\",\"recursive\":true,\"force\":true}}]"},
    {"zfs destroy -n -r tank/a", "said would destroy tank/a"},
    {"zfs destroy -n tank/none", "! there is no dataset \"tank/none\""},
    {"zfs destroy tank/a@snap", "! tank/a@snap: zsan destroys no snapshots"},
    {"zfs destroy -R tank/a", "! zfs destroy: \"-R\" zsan makes no clones"},
    {"zfs rename tank/a tank/c", "[{\"method\":\"dataset.rename\",\"params\":{\"name\":\"tank/a\",\"new_name\":\"tank/c\"}}]"},
    {"zfs list -o name,volblock,compress -d 1 tank",
     "[{\"method\":\"dataset.list\",\"params\":{\"name\":\"tank\",\"depth\":1,\"properties\":[\"volblocksize\",\"compression\"]}}]"},
    {"zfs list", "[{\"method\":\"dataset.list\",\"params\":{\"properties\":[\"used\",\"available\",\"referenced\"]}}]"},
    {"zfs list tank/a", "[{\"method\":\"dataset.list\",\"params\":{\"name\":\"tank/a\",\"depth\":0,\"properties\":[\"used\",\"available\",\"referenced\"]}}]"},
    {"zfs list -d x", "! -d x: the depth is a number"},
    {"zfs get -r all tank/a",
     "[{\"method\":\"dataset.get\",\"params\":{\"name\":\"tank/a\",\"property\":\"all\"}},{\"method\":\"dataset.get\",\"params\":{\"name\":\"tank/a/v\",\"property\":\"all\"}}]"},
    {"zfs get -r all nope", "! there is no dataset \"nope\""},
    {"zfs set volsize=1T refreservation=none tank/a/v",
     "[{\"method\":\"dataset.set\",\"params\":{\"name\":\"tank/a/v\",\"property\":\"volsize\",\"value\":\"1099511627776\"}},"
     "{\"method\":\"dataset.set\",\"params\":{\"name\":\"tank/a/v\",\"property\":\"refreservation\",\"value\":\"none\"}}]"},
    {"zfs set volsize=1T x=y", "! zfs set takes PROPERTY=VALUE... DATASET..."},
    {"zfs inherit compress tank/a",
     "[{\"method\":\"dataset.inherit\",\"params\":{\"name\":\"tank/a\",\"property\":\"compression\"}}]"},
    /* iscsitadm */
    {"iscsitadm create target -u 1 -b /dev/zvol/rdsk/tank/a/v t1",
     "[{\"method\":\"lun.add\",\"params\":{\"target\":\"iqn.x:h.t1\",\"volume\":\"vm1\",\"lun\":1}}]"},
    {"iscsitadm create target -b /dev/zvol/tank/new t3",
     "[{\"method\":\"volume.create\",\"params\":{\"name\":\"tank/new\",\"dataset\":\"tank/new\"},\"undo\":[\"volume.delete\",{\"name\":\"tank/new\",\"keep\":true}]},"
     "{\"method\":\"target.create\",\"params\":{\"name\":\"t3\",\"alias\":\"t3\"},\"undo\":[\"target.delete\",{\"name\":\"t3\"}]},"
     "{\"method\":\"lun.add\",\"params\":{\"target\":\"t3\",\"volume\":\"tank/new\"}}]"},
    {"iscsitadm create target -z 10G t2",
     "[{\"method\":\"volume.create\",\"params\":{\"name\":\"t2-lun1\",\"size\":10737418240},\"undo\":[\"volume.delete\",{\"name\":\"t2-lun1\",\"keep\":false}]},"
     "{\"method\":\"lun.add\",\"params\":{\"target\":\"iqn.x:h.t2\",\"volume\":\"t2-lun1\"}}]"},
    {"iscsitadm create target --backing-store=/x t2", "[{\"method\":\"lun.add\",\"params\":{\"target\":\"iqn.x:h.t2\",\"volume\":\"f\"}}]"},
    {"iscsitadm create target t3", "! create target t3: give -b"},
    {"iscsitadm create target -b tank/a t3", "! -b tank/a: give an absolute path"},
    {"iscsitadm create target -u 99999 -b /x t3", "! -u 99999: a LUN is a number"},
    {"iscsitadm create target -t tape -b /x t3", "! -t tape: zsan serves disks only"},
    {"iscsitadm create thing t3", "! iscsitadm has no \"create thing\""},
    {"iscsitadm create initiator \xe2\x80\x93iqn esx2.1", "! create initiator esx2.1: its iSCSI name is missing"},
    {"iscsitadm create initiator \xe2\x80\x93iqn iqn.i:9 esx2.1",
     "[{\"method\":\"host.add\",\"params\":{\"name\":\"esx2\"},\"undo\":[\"host.remove\",{\"name\":\"esx2\"}]},"
     "{\"method\":\"initiator.add\",\"params\":{\"name\":\"iqn.i:9\",\"host\":\"esx2\",\"label\":\"esx2.1\"}}]"},
    {"iscsitadm create initiator --iqn iqn.i:9 esx1.3",
     "[{\"method\":\"initiator.add\",\"params\":{\"name\":\"iqn.i:9\",\"host\":\"esx1\",\"label\":\"esx1.3\"}}]"},
    {"iscsitadm create initiator --iqn iqn.i:9 esx1", "! there is a host \"esx1\" already: call its initiators esx1.1"},
    {"iscsitadm create initiator --iqn iqn.i:9", "! create initiator --iqn iqn.i:9: give it a local name"},
    {"iscsitadm create initiator web", "! create initiator web: its iSCSI name is missing"},
    {"iscsitadm modify target \xe2\x80\x93" "acl esx1.1 t1", "[{\"method\":\"grant.add\",\"params\":{\"who\":\"esx1.1\",\"target\":\"iqn.x:h.t1\"}}]"},
    {"iscsitadm modify target -p 3 t1", "[{\"method\":\"target.set\",\"params\":{\"name\":\"iqn.x:h.t1\",\"portal_groups\":[1,2,3]}}]"},
    {"iscsitadm modify target t1", "! modify target: give --acl"},
    {"iscsitadm modify target -l x t9", "! there is no target \"t9\""},
    {"iscsitadm modify target -m 65536 t1", "! iscsitadm modify target: \"-m\" is one limit for all"},
    {"iscsitadm modify admin \xe2\x80\x93" "base-directory /etc/iscsi/config", "said nothing to set: zsand keeps targets"},
    {"iscsitadm modify admin --radius-access enable", "! iscsitadm modify admin: \"--radius-access\" is said of each initiator"},
    {"iscsitadm modify admin \xe2\x80\x93radius-server 192.0.2.8", "said 192.0.2.8 is the RADIUS server already"},
    {"iscsitadm modify admin -R 192.0.2.8:1812 -P",
     "[{\"method\":\"radius.secret\",\"params\":{\"address\":\"192.0.2.8\",\"port\":1812,\"secret\":null}}]"},
    {"iscsitadm modify admin --radius-secret",
     "[{\"method\":\"radius.secret\",\"params\":{\"address\":\"192.0.2.8\",\"port\":1812,\"secret\":null}}]"},
    {"iscsitadm modify admin -P -R 192.0.2.7", "! --radius-server 192.0.2.7: there is 192.0.2.8 already"},
    {"iscsitadm modify admin -R 192.0.2.8:1645", "! --radius-server 192.0.2.8:1645: there is 192.0.2.8 already"},
    {"iscsitadm modify admin -R :1 -P", "! --radius-server :1: it is ADDRESS or ADDRESS:PORT"},
    {"iscsitadm modify admin \xe2\x80\x93isns-server 192.0.2.1",
     "[{\"method\":\"isns.remove\",\"params\":{\"address\":\"192.0.2.9\",\"port\":3205},\"undo\":[\"isns.add\",{\"address\":\"192.0.2.9\",\"port\":3205}]},"
     "{\"method\":\"isns.add\",\"params\":{\"address\":\"192.0.2.1\",\"port\":3205},\"undo\":[\"isns.remove\",{\"address\":\"192.0.2.1\",\"port\":3205}]}]"},
    {"iscsitadm modify admin -S 192.0.2.9 -i enable",
     "[{\"method\":\"isns.set\",\"params\":{\"enabled\":true},\"undo\":[\"isns.set\",{\"enabled\":false}]}]"},
    {"iscsitadm modify admin -S 192.0.2.9", "said 192.0.2.9 is the iSNS server already"},
    {"iscsitadm modify admin -S [2001:db8::1]:99",
     "[{\"method\":\"isns.remove\",\"params\":{\"address\":\"192.0.2.9\",\"port\":3205},\"undo\":[\"isns.add\",{\"address\":\"192.0.2.9\",\"port\":3205}]},"
     "{\"method\":\"isns.add\",\"params\":{\"address\":\"2001:db8::1\",\"port\":99},\"undo\":[\"isns.remove\",{\"address\":\"2001:db8::1\",\"port\":99}]}]"},
    {"iscsitadm modify admin -S 1.2.3.4:0", "! --isns-server 1.2.3.4:0: it is ADDRESS or ADDRESS:PORT"},
    {"iscsitadm modify admin -S []", "! --isns-server []: it is ADDRESS"},
    {"iscsitadm modify admin -S :1", "! --isns-server :1: it is ADDRESS"},
    {"iscsitadm modify admin -i on", "! --isns-access on: it is enable or disable"},
    {"iscsitadm list admin", "= {\"enabled\":false"},
    {"iscsitadm show admin", "= {\"enabled\":false"},
    {"iscsitadm modify admin", "! modify admin: give one of its options"},
    {"iscsitadm modify initiator -C esx1.1",
     "[{\"method\":\"grant.secret\",\"params\":{\"initiator\":\"iqn.i:1\",\"target\":\"iqn.x:h.t1\",\"secret\":null}}]"},
    {"iscsitadm modify initiator -C esx1.2", "! iscsitadm modify initiator --chap-secret: each pair"},
    {"iscsitadm modify initiator -H me esx1.1",
     "[{\"method\":\"grant.name\",\"params\":{\"initiator\":\"iqn.i:1\",\"target\":\"iqn.x:h.t1\",\"name\":\"me\"}}]"},
    {"iscsitadm modify initiator -H other one", "! --chap-name other: a CHAP name belongs to a pair"},
    {"iscsitadm modify initiator -H me nobody", "! there is no initiator \"nobody\""},
    {"iscsitadm delete target -u 0 t1",
     "[{\"method\":\"lun.remove\",\"params\":{\"target\":\"iqn.x:h.t1\",\"lun\":0}},{\"method\":\"target.delete\",\"params\":{\"name\":\"iqn.x:h.t1\"}}]"},
    {"iscsitadm delete target -u 5 t2", "[{\"method\":\"lun.remove\",\"params\":{\"target\":\"iqn.x:h.t2\",\"lun\":5}}]"},
    {"iscsitadm delete target -u 7 t2", "! target t2 has no LUN 7"},
    {"iscsitadm delete target -p 2 t1", "[{\"method\":\"target.set\",\"params\":{\"name\":\"iqn.x:h.t1\",\"portal_groups\":[1]}}]"},
    {"iscsitadm delete target t1", "[{\"method\":\"target.delete\",\"params\":{\"name\":\"iqn.x:h.t1\",\"force\":true}}]"},
    {"iscsitadm delete initiator esx1.1", "[{\"method\":\"initiator.remove\",\"params\":{\"name\":\"iqn.i:1\"}}]"},
    {"iscsitadm delete initiator one", "[{\"method\":\"host.remove\",\"params\":{\"name\":\"one\",\"force\":true}}]"},
    {"iscsitadm delete target dup", "! \"dup\" is iqn.x:a.dup and iqn.x:b.dup: give the whole name"},
    {"iscsitadm create target -b /x dup", "! \"dup\" is iqn.x:a.dup and iqn.x:b.dup: give the whole name"},
    {"iscsitadm modify target -l one dup", "! \"dup\" is iqn.x:a.dup and iqn.x:b.dup: give the whole name"},
    {"iscsitadm delete initiator esx1", "! \"esx1\" is a host with several initiators, among them iqn.i:1 and iqn.i:2"},
    {"iscsitadm modify initiator -H me esx1", "! \"esx1\" is a host with several initiators"},
    {"iscsitadm list initiator esx1.2", "= [{\"name\":\"iqn.i:2\""},
    {"iscsitadm modify tpgt -i 192.0.2.1 2", "[{\"method\":\"portal.add\",\"params\":{\"address\":\"192.0.2.1\",\"group\":2}}]"},
    {"iscsitadm modify tpgt 2", "! modify tpgt 2: give its address"},
    {"iscsitadm create tpgt 0", "! tpgt 0: it is a number"},
};
/* clang-format on */

static void test_a_line_becomes_these_calls_or_this_refusal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        char *got = outcome(lines[i].line);
        bool part = strchr("!=s", lines[i].want[0]) != NULL;
        size_t len = part ? strlen(lines[i].want) : strlen(got) + 1;
        if (strncmp(got, lines[i].want, len) != 0)
            fail_msg("%s\n  became %s\n  not    %s", lines[i].line, got, lines[i].want);
        free(got);
    }
}

/* ---- dashes ------------------------------------------------------------------------------ */

static void test_dashes_are_the_hyphens_that_they_were(void **state)
{
    static const struct {
        const char *typed, *meant;
    } words[] = {
        {"\xe2\x80\x93"
         "f",                  "-f"                 },
        {"\xe2\x80\x93iqn",             "--iqn"              },
        {"\xe2\x80\x94iqn",             "--iqn"              },
        {"\xe2\x80\x93\xe2\x80\x93iqn", "--iqn"              },
        {"-\xe2\x80\x93iqn",            "--iqn"              },
        {"\xe2\x80\x93"
         "base\xe2\x80\x90"
         "directory",          "--base-directory"   },
        {"\xe2\x80\x93"
         "base-directory=/x",  "--base-directory=/x"},
        {"\xe2\x80\x93Hp",              "-Hp"                },
        {"\xe2\x88\x92u",               "-u"                 },
        {"a\xe2\x80\x93"
         "b",                  "a-b"                },
        {"\xe2\x80\x93",                "-"                  },
        {"--",                          "--"                 },
        {"---x",                        "---x"               },
        {"\xe2\x80",                    "\xe2\x80"           },
        {"",                            ""                   },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char *got = gr_word_meant(&gr_iscsitadm, words[i].typed);
        assert_string_equal(got, words[i].meant);
        free(got);
    }
}

static void test_options_end_and_may_hold_their_values(void **state)
{
    static const char *const words[] = {"list", "-Hpo", "name", "--", "-x"};
    struct gr_line l;
    struct err e = {.code = 0};
    (void)state;
    assert_int_equal(gr_parse(&gr_zpool, ARRAY_LEN(words), words, &l, &e), 0);
    assert_true(gr_has(&l, "H") && gr_has(&l, "p"));
    assert_string_equal(gr_value(&l, "o"), "name");
    assert_int_equal(l.noperands, 1);
    assert_string_equal(l.operands[0], "-x");
    gr_line_drop(&l);
}

static void test_the_noun_volume_knows_zfs_by_its_letters(void **state)
{
    static const struct {
        const char *line;
        bool zfs;
    } volume[] = {
        {"create -V 1G tank/v",            true },
        {"create \xe2\x80\x93V 1G tank/v", true },
        {"create vm1 --size 1G",           false},
        {"set volsize=1G tank/v",          true },
        {"set vm1 --sync=standard",        false},
        {"list -H -o name",                false},
        {"destroy tank/v",                 true },
        {"get all tank/v",                 true },
        {"delete vm1",                     false},
        {"show vm1",                       false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(volume); i++) {
        char text[64];
        const char *words[WORDS_MAX];
        snprintf(text, sizeof(text), "%s", volume[i].line);
        size_t n = split(text, words);
        if (gr_is_volume_line(n, words) != volume[i].zfs)
            fail_msg("zsan volume %s", volume[i].line);
    }
}

static void test_values_are_written_for_people_or_exactly(void **state)
{
    static const struct {
        enum gr_kind kind;
        const char *value;
        bool exact;
        const char *want;
    } values[] = {
        {GR_BYTES,   "805306368000", false, "750G"        },
        {GR_BYTES,   "805306368000", true,  "805306368000"},
        {GR_BYTES,   "-",            false, "-"           },
        {GR_BYTES,   "none",         false, "none"        },
        {GR_RATIO,   "1.50",         false, "1.50x"       },
        {GR_RATIO,   "1.50",         true,  "1.50"        },
        {GR_PERCENT, "12",           false, "12%"         },
        {GR_WORD,    "42",           false, "42"          },
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        gr_value_text(values[i].kind, values[i].value, values[i].exact, text, sizeof(text));
        assert_string_equal(text, values[i].want);
    }
}

/* A verb that refuses an option or asks for too few operands would never say so. */
static void test_the_tables_are_sound(void **state)
{
    (void)state;
    for (size_t t = 0; gr_tools[t]; t++)
        for (size_t i = 0; i < gr_tools[t]->nverbs; i++) {
            const struct gr_verb *v = &gr_tools[t]->verbs[i];
            assert_true(v->translate && v->min <= v->max && v->doc[0]);
            for (size_t a = 0; a < v->noptions; a++)
                for (size_t b = 0; b < a; b++) {
                    const struct gr_option *x = &v->options[a], *y = &v->options[b];
                    assert_false(x->letter && x->letter == y->letter);
                    assert_false(x->word && y->word && strcmp(x->word, y->word) == 0);
                }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_becomes_these_calls_or_this_refusal),
        cmocka_unit_test(test_dashes_are_the_hyphens_that_they_were),
        cmocka_unit_test(test_options_end_and_may_hold_their_values),
        cmocka_unit_test(test_the_noun_volume_knows_zfs_by_its_letters),
        cmocka_unit_test(test_values_are_written_for_people_or_exactly),
        cmocka_unit_test(test_the_tables_are_sound),
    };
    return cmocka_run_group_tests_name("grammar", tests, NULL, NULL);
}
